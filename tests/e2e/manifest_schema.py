# SPDX-License-Identifier: MIT
"""Holds Kubernetes manifests against the API's schema, offline: by the models of its Python client, which are generated
from it. Run by the Python that has Debian's python3-kubernetes.

manifest_schema.py < MANIFESTS   Prints a line for each field that the API does not have, or has with another type, for
                                 each required one that is missing, and for each unknown kind; exit code 1 if there is one.
"""

import collections
import datetime
import json
import sys

import kubernetes.client
import yaml

Response = collections.namedtuple("Response", "data")


def model_of(document):
    """The name of its class: that of an apps/v1 Deployment is V1Deployment."""
    version = document["apiVersion"].rpartition("/")[2]
    return f"{version[0].upper()}{version[1:]}{document['kind']}"


def differences(asked, understood, place):
    """What the API does not understand as it was written."""
    if isinstance(asked, dict) and isinstance(understood, dict):
        for name, value in asked.items():
            if name not in understood:
                yield f"{place}.{name}: there is no such field"
            else:
                yield from differences(value, understood[name], f"{place}.{name}")
    elif isinstance(asked, list) and isinstance(understood, list) and len(asked) == len(understood):
        for index, (value, other) in enumerate(zip(asked, understood)):
            yield from differences(value, other, f"{place}[{index}]")
    elif asked != understood or isinstance(asked, bool) != isinstance(understood, bool):
        yield f"{place}: {asked!r} is of another type"


def violations(document, api):
    place = f"{document['kind']} {document['metadata']['name']}"
    model = model_of(document)
    if not hasattr(kubernetes.client, model):
        return [f"{place}: there is no {document['apiVersion']} {document['kind']}"]
    try:
        read = api.deserialize(Response(json.dumps(document)), model)
    except (ValueError, TypeError, AttributeError) as error:
        return [f"{place}: {error}"]
    return list(differences(document, api.sanitize_for_serialization(read), place))


def main():
    api = kubernetes.client.ApiClient()
    found = [text for document in yaml.safe_load_all(sys.stdin) if document for text in violations(document, api)]
    for text in found:
        print(text)
    return 1 if found else 0


sys.exit(main())
