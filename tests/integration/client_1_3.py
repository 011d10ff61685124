"""What users of the client's 1.3 series type, run in a process of its own: it can't share one with 0.81.1.

PYTHONPATH=.venv/clients/mixpeek-1.3 python client_1_3.py BASE_URL API_KEY NAMESPACE BUCKET QUERY
"""

import json
import sys
import time

import mixpeek


def main(base_url: str, api_key: str, namespace: str, bucket: str, query: str) -> None:
    """The life of a collection; what was seen, as one JSON line."""
    client = mixpeek.Mixpeek(api_key, base_url=base_url, namespace=namespace)
    collection = client.collections.create(
        collection_name="by_1_3",
        source={"type": "bucket", "bucket_ids": [bucket]},
        feature_extractor={
            "feature_extractor_name": "my_extractor",
            "version": "1.0.0",
            "parameters": {"threshold": 0.7},
        },
    )
    collection_id = collection["collection_id"]
    task_id = client.collections.trigger(collection_id)["task_id"]
    while (task := client.tasks.get(task_id))["status"] in {"PENDING", "IN_PROGRESS", "PROCESSING"}:
        time.sleep(0.2)
    listed = client.documents.list(collection_id, page_size=5)
    found = client.search(query, collection=collection_id, limit=2)
    client.buckets.upload(bucket, data="One more text, from the newer client.")
    seen = {
        "parameters": collection["feature_extractor"]["params"],
        "status": task["status"],
        "listed": len(listed["results"]),
        "best": found["results"][0]["text"],
        "by_search": client.documents.search(collection_ids=[collection_id], query=query)["results"][0]["text"],
        "objects": len(client.buckets.list_objects(bucket, page_size=100)["results"]),
        "namespaces": [n["namespace_id"] for n in client.namespaces.list()["results"]],
        "deleted": bool(client.collections.delete(collection_id)),
    }
    print(json.dumps(seen))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
