"""The side of bench/contestant.mjs that a Python peer implements: one JSON request a line, one JSON reply a line."""

import json
import os
import resource
import sys
import time
import traceback


def serve(prepare, versions, finish=lambda: None, forget=lambda: None):
    """`prepare(case)` returns a function that does the case's work once and returns how many images that was.

    `finish()` waits for what such functions have only begun; `forget()` gives back what cases took that are done with.
    """
    # What libraries print must not come between the replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cases = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = answer(request, cases, prepare, versions, finish)
        except Exception as error:  # The benchmark goes on without this case and says why.
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        if request["do"] == "forget":
            cases.clear()
            forget()
        print(json.dumps(reply), file=replies, flush=True)


def answer(request, cases, prepare, versions, finish):
    if request["do"] == "versions":
        return versions
    if request["do"] == "prepare":
        cases[request["id"]] = prepare(request["case"])
        return {}
    if request["do"] == "run":
        return timed(cases[request["id"]], request["seconds"], finish)
    if request["do"] == "forget":
        return {}
    if request["do"] == "peakMemory":
        return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    raise ValueError(f"unknown request {request}")


def timed(work, seconds, finish):
    """Repeats the work until the time is over, at least once."""
    images = 0
    started = time.perf_counter()
    while True:
        images += work()
        if time.perf_counter() - started >= seconds:
            finish()
            return {"images": images, "seconds": time.perf_counter() - started}
