"""The published schemas of Kubernetes in strict mode: an unknown field is an error."""

import functools
import json

import kubernetes_validate

# The oldest version that has all the fields, and the newest published one.
VERSIONS = ["1.31", "1.37"]


def wrong_fields(each):
    """Complaints of each version's schemas about an object."""
    text = json.dumps(each.data)
    return [each.complain(what) for version in VERSIONS for what in judge(text, version)]


@functools.cache
def judge(text, version):
    """Cached, because every broken copy repeats the other objects, and reading a schema is slow."""
    try:
        validated = kubernetes_validate.validate(json.loads(text), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        return ["%s: %s (Kubernetes %s)" % (path, error.message, version)]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [error.message]
    except KeyError as error:
        return ["has no %s" % error]
    # The validator silently falls back to an older version.
    return [] if validated == version else ["there are no schemas of Kubernetes %s" % version]
