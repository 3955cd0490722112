"""The templates as data: short forms such as !Ref become {"Ref": …}."""

from pathlib import Path

import yaml

AWS = Path(__file__).resolve().parents[1]
ROOT = AWS.parents[1]


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags, too."""


def tagged(loader, suffix, node):
    key = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {key: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {key: loader.construct_sequence(node, deep=True)}
    return {key: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", tagged)


def template(part):
    return yaml.load((AWS / f"{part}.yaml").read_text(), Loader)


def resources(part, kind):
    """The properties of a template's resources of one type, by their logical id."""
    found = template(part)["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


PARTS = sorted(path.stem for path in AWS.glob("*.yaml"))
