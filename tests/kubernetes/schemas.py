"""The published schemas of Kubernetes, strictly: a field that they do not have is an error."""

import functools
import json

import kubernetes_validate

# The oldest that has all the fields, and the newest that there is.
VERSIONS = ["1.31", "1.37"]


def wrong_fields(each):
    """What the schemas of each version have against an object."""
    text = json.dumps(each.data)
    return [each.complain(what) for version in VERSIONS for what in judge(text, version)]


@functools.cache
def judge(text, version):
    """The same object comes again with every manifest that is broken beside it; a schema takes long to read."""
    try:
        validated = kubernetes_validate.validate(json.loads(text), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        return ["%s: %s (Kubernetes %s)" % (path, error.message, version)]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [error.message]
    except KeyError as error:
        return ["has no %s" % error]
    # The validator takes an older version in silence.
    return [] if validated == version else ["there are no schemas of Kubernetes %s" % version]
