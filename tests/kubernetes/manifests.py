"""Reads manifests: which files there are, and the objects in them."""

import dataclasses

import yaml


class Wrong(Exception):
    """A file that cannot be read, or that nobody names."""


@dataclasses.dataclass
class Object:
    """An object of Kubernetes, and where it stands."""

    place: str
    data: dict

    @property
    def pod(self):
        """What it wants its pods to be; None if it makes none."""
        return self.data.get("spec", {}).get("template", {}).get("spec")

    def complain(self, what):
        return "%s: %s" % (self.place, what)


class Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML in Python keeps the last in silence."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, "%s is there twice" % ", ".join(twice), node.start_mark)
        return super().construct_mapping(node, deep)


def objects_below(directory):
    """The objects of all manifests, each of which some kustomization must name."""
    kustomizations = sorted(directory.rglob("kustomization.yaml"))
    named = {path for each in kustomizations for path in named_by(each)}
    for path in sorted(directory.rglob("*.yaml")):
        if path in kustomizations:
            continue
        if path.resolve() not in named:
            raise Wrong("%s: no kustomization names it" % path.relative_to(directory))
        yield from objects_in(path.read_text(), str(path.relative_to(directory)))


def objects_in(text, place):
    try:
        documents = [document for document in yaml.load_all(text, Loader) if document]
    except yaml.YAMLError as error:
        raise Wrong("%s: %s" % (place, error)) from error
    for data in documents:
        yield Object("%s: %s" % (place, data.get("kind")), data)


def named_by(kustomization):
    """The files and directories that a kustomization takes in; all must be there."""
    content = yaml.load(kustomization.read_text(), Loader)
    for name in content.get("resources", []) + content.get("components", []):
        path = (kustomization.parent / name).resolve()
        if not path.exists():
            raise Wrong("%s: names %s, which is not there" % (kustomization, name))
        yield path
