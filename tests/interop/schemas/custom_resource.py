"""Checks custom resources: the first argument is the file of their definition, and each
other one a file with resources of its kind alone. As strict as kubectl: a field that the
definition does not have is an error."""

import sys

import jsonschema
import yaml


def closed(schema):
    """The schema without room for other fields."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    return made


def schema_for(definition, version):
    group = definition["spec"]["group"]
    for served in definition["spec"]["versions"]:
        if f"{group}/{served['name']}" == version and served["served"]:
            return closed(served["schema"]["openAPIV3Schema"])
    sys.exit(f"{version} is not served")


with open(sys.argv[1], encoding="utf-8") as file:
    definition = yaml.safe_load(file)
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        resources = list(yaml.safe_load_all(file))
    for resource in resources:
        if resource["kind"] != definition["spec"]["names"]["kind"]:
            sys.exit(f"{path}: {resource['kind']} is another kind")
        schema = schema_for(definition, resource["apiVersion"])
        try:
            jsonschema.validate(resource, schema)
        except jsonschema.ValidationError as error:
            sys.exit(f"{path}: {error.json_path}: {error.message}")
