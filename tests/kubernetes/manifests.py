"""Reads manifests: the files and the objects in them."""

import dataclasses

import yaml


class Wrong(Exception):
    """A file that cannot be read, or that no kustomization includes."""


@dataclasses.dataclass
class Object:
    """A Kubernetes object and its file."""

    place: str
    data: dict

    @property
    def pod(self):
        """The pod specification of the object; None if it has none."""
        return self.data.get("spec", {}).get("template", {}).get("spec")

    def complain(self, what):
        return "%s: %s" % (self.place, what)


class Loader(yaml.SafeLoader):
    """Refuses a duplicate key; PyYAML silently keeps the last one."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, "duplicate key %s" % ", ".join(twice), node.start_mark)
        return super().construct_mapping(node, deep)


def objects_below(directory):
    """The objects of all manifests; a kustomization must include each of them."""
    kustomizations = sorted(directory.rglob("kustomization.yaml"))
    named = {path for each in kustomizations for path in named_by(each)}
    for path in sorted(directory.rglob("*.yaml")):
        if path in kustomizations:
            continue
        if path.resolve() not in named:
            raise Wrong("%s: no kustomization includes it" % path.relative_to(directory))
        yield from objects_in(path.read_text(), str(path.relative_to(directory)))


def objects_in(text, place):
    try:
        documents = [document for document in yaml.load_all(text, Loader) if document]
    except yaml.YAMLError as error:
        raise Wrong("%s: %s" % (place, error)) from error
    for data in documents:
        yield Object("%s: %s" % (place, data.get("kind")), data)


def named_by(kustomization):
    """The files and directories that a kustomization includes; all must exist."""
    content = yaml.load(kustomization.read_text(), Loader)
    for name in content.get("resources", []) + content.get("components", []):
        path = (kustomization.parent / name).resolve()
        if not path.exists():
            raise Wrong("%s: includes %s, which does not exist" % (kustomization, name))
        yield path
