"""Platforms beside a kube-apiserver without nodes: makes them, and says of their workloads what a cluster's own
controllers and kubelets would (pods included), until the operator calls each platform Ready.

    platforms.py PKI ADDRESS make FIRST LAST     the platforms FIRST to LAST, each in a namespace of its own
    platforms.py PKI ADDRESS touch COUNT TIMES   an annotation of no meaning on each, one after another
"""

import http.client
import json
import ssl
import sys
import time

GROUP = "/apis/courseplatform.dev/v1alpha1"
WORKLOADS = {
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
}
# Platforms that come up at a time.
BATCH = 10
# What the API server demands of a Job that has ended.
ENDED = "2026-01-01T00:00:00Z"
MANIFEST = {
    "apiVersion": "courseplatform.dev/v1alpha1",
    "kind": "CoursePlatform",
    "metadata": {"name": "demo"},
    "spec": {"host": "courses.example.com"},
}


class Api:
    """One connection, as an administrator."""

    def __init__(self, pki, address):
        context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
        self.connection = http.client.HTTPSConnection(address, context=context, timeout=30)

    def ask(self, method, path, body=None, kind="application/json", fine=()):
        """The answer's JSON. Statuses of failure end the program, unless they are `fine`."""
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {"content-type": kind})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 400 and answer.status not in fine:
            sys.exit(f"{method} {path}: {answer.status} {content[:400]!r}")
        return json.loads(content)

    def merge(self, path, body):
        """A merge patch; what is gone by now is fine."""
        return self.ask("PATCH", path, body, "application/merge-patch+json", fine=(404, 409))


def namespace(number):
    return f"bench-{number:03}"


def status(kind, item):
    """What the workload's controller would write, when it hasn't."""
    found = item.get("status", {})
    if kind == "Job":
        if found.get("conditions"):
            return None
        conditions = [{"type": name, "status": "True"} for name in ("SuccessCriteriaMet", "Complete")]
        return {"startTime": ENDED, "completionTime": ENDED, "succeeded": 1, "conditions": conditions}
    replicas = item["spec"]["replicas"]
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    wanted = {"observedGeneration": item["metadata"]["generation"]} | dict.fromkeys(counts, replicas)
    return None if wanted.items() <= found.items() else wanted


def make_pods(api, place, item):
    """The pods of a workload, running; and the claims of a StatefulSet's first pod."""
    name = item["metadata"]["name"]
    volumes = []
    for template in item["spec"].get("volumeClaimTemplates", []):
        volume = template["metadata"]["name"]
        claim = {"metadata": {**template["metadata"], "name": f"{volume}-{name}-0"}, "spec": template["spec"]}
        volumes.append({"name": volume, "persistentVolumeClaim": {"claimName": f"{volume}-{name}-0"}})
        api.ask("POST", f"/api/v1/namespaces/{place}/persistentvolumeclaims", claim, fine=(409,))
    for ordinal in range(item["spec"]["replicas"]):
        pod = json.loads(json.dumps(item["spec"]["template"]))
        pod["metadata"]["name"] = f"{name}-{ordinal}"
        pod["spec"]["volumes"] = pod["spec"].get("volumes", []) + volumes
        path = f"/api/v1/namespaces/{place}/pods"
        api.ask("POST", path, pod, fine=(409,))
        containers = [
            {"name": it["name"], "image": it["image"], "imageID": "", "ready": True, "restartCount": 0,
             "state": {"running": {"startedAt": ENDED}}}
            for it in pod["spec"]["containers"]
        ]
        running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                   "containerStatuses": containers}
        api.merge(f"{path}/{name}-{ordinal}/status", {"status": running})


def look_after(api, place):
    """One look at a namespace. Whether its platform is Ready."""
    for kind, path in WORKLOADS.items():
        path = path.format(place)
        for item in api.ask("GET", path)["items"]:
            if (wanted := status(kind, item)) is None:
                continue
            if kind != "Job":
                make_pods(api, place, item)
            api.merge(f"{path}/{item['metadata']['name']}/status", {"status": wanted})
    platform = api.ask("GET", f"{GROUP}/namespaces/{place}/courseplatforms/demo")
    conditions = platform.get("status", {}).get("conditions", [])
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)


def make(api, first, last):
    for start in range(first, last + 1, BATCH):
        places = [namespace(number) for number in range(start, min(start + BATCH, last + 1))]
        for place in places:
            api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": place}}, fine=(409,))
            api.ask("POST", f"{GROUP}/namespaces/{place}/courseplatforms", MANIFEST, fine=(409,))
        deadline = time.monotonic() + 180
        while places:
            places = [place for place in places if not look_after(api, place)]
            if time.monotonic() > deadline:
                sys.exit(f"not ready within 3 min: {', '.join(places)}")
            time.sleep(0.2)


def touch(api, count, times):
    for turn in range(times):
        for number in range(1, count + 1):
            stamp = f"{turn}-{time.time_ns()}"
            body = {"metadata": {"annotations": {"example.com/touched": stamp}}}
            api.merge(f"{GROUP}/namespaces/{namespace(number)}/courseplatforms/demo", body)
            # Longer than the operator gathers changes for, so that each makes a pass of its own.
            time.sleep(0.06)


if __name__ == "__main__":
    pki, address, action, *numbers = sys.argv[1:]
    {"make": make, "touch": touch}[action](Api(pki, address), *map(int, numbers))
