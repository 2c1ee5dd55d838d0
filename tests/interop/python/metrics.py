"""Parses a page of metrics on standard input with the parsers of prometheus_client.

`metrics.py openmetrics` or `metrics.py prometheus` prints its samples as one JSON array.
"""

import json
import sys

from prometheus_client import openmetrics, parser
import prometheus_client.openmetrics.parser

PARSERS = {
    "openmetrics": openmetrics.parser.text_string_to_metric_families,
    "prometheus": parser.text_string_to_metric_families,
}


def main():
    page = sys.stdin.read()
    samples = [
        {"name": sample.name, "labels": sample.labels, "value": sample.value}
        for family in PARSERS[sys.argv[1]](page)
        for sample in family.samples
    ]
    json.dump(samples, sys.stdout)


main()
