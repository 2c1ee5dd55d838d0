"""Checks Compose files against the Compose specification: each argument is one."""

import sys

from compose_spec import PyCompose

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        PyCompose.from_yaml(text).validate()
    except ValueError as error:
        sys.exit(f"{path}: {error}")
