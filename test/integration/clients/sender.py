"""Sends documents with an official Python client, and says what the client made of the answers.

usage: sender.py elasticsearch|opensearch < settings.json

The settings and what is said are those of clients_test.go.
"""

import json
import sys

kind = sys.argv[1]
settings = json.load(sys.stdin)
url, index, sent = settings["url"], settings["index"], settings["documents"]
headers, login = {}, None

if kind == "elasticsearch":
    import elasticsearch as library
    from elasticsearch import Elasticsearch as Client, helpers

    Error = library.ApiError

    def client(key):
        login = {"api_key": key["encoded"]} if settings["scheme"] == "ApiKey" else {"basic_auth": (key["user"], key["password"])}
        return Client(url, http_compress=settings["gzip"], **login)

    def status_of(error):
        return error.meta.status, error.body["error"]["type"]

    def single(call, document, **names):
        return call(index=index, document=document, **names)["result"]

else:
    import opensearchpy as library
    from opensearchpy import OpenSearch as Client, helpers

    Error = library.TransportError

    def client(key):
        login = {"headers": {"Authorization": "ApiKey " + key["encoded"]}} if settings["scheme"] == "ApiKey" else {"http_auth": (key["user"], key["password"])}
        return Client(url, http_compress=settings["gzip"], **login)

    def status_of(error):
        return error.status_code, error.info["error"]["type"]

    def single(call, document, **names):
        return call(index=index, body=document, **names)["result"]


c = client(settings["key"])


def bulk(documents, action):
    """Sends documents with the bulk helper."""
    actions = []
    for d in documents:
        actions.append({"_op_type": action, "_index": index, "_source": d["source"]})
        if d.get("id"):
            actions[-1]["_id"] = d["id"]
    ok, errors = helpers.bulk(c, actions, raise_on_error=False, chunk_size=500)
    told = {"ok": ok, "failed": len(errors), "why": {}, "ids": []}
    for e in errors:
        item = e[action]
        why = f"{item['status']} {item['error']['type']}"
        told["why"][why] = told["why"].get(why, 0) + 1
        told["ids"].append(item["_id"])
    return told


def one(*args, **names):
    """Sends one document, and returns its result or its error."""
    try:
        return single(*args, **names)
    except Error as error:
        return "%d %s" % status_of(error)


told = {"client": f"{library.__name__} {library.__versionstr__}", "server": c.info()["version"]["number"], "ping": c.ping(), "bulk": {}, "single": {}}
told["bulk"]["new"] = bulk(sent["new"], "create")
told["bulk"]["created again"] = bulk(sent["new"], "create")
told["bulk"]["indexed again"] = bulk(sent["new"], "index")
told["bulk"]["nameless"] = bulk(sent["nameless"], "index")
told["bulk"]["mixed"] = bulk(sent["mixed"], "create")
a, b, nameless = (d["source"] for d in sent["single"])
told["single"]["index"] = one(c.index, a, id="a")
told["single"]["index again"] = one(c.index, a, id="a")
told["single"]["create"] = one(c.create, b, id="b")
told["single"]["create again"] = one(c.create, b, id="b")
told["single"]["nameless"] = one(c.index, nameless)
told["single"]["bad"] = one(c.index, sent["bad"])
c = client(settings["stranger"])
told["single"]["stranger"] = one(c.index, a, id="c")
json.dump(told, sys.stdout)
