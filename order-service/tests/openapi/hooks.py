"""What schemathesis cannot know from the description: a key belongs to one order for good, so each request needs its own."""

import re
import uuid

import schemathesis

BARE = re.compile(r"[!#-~][!-~]{0,254}")
QUOTED = re.compile(r'"([ !#-\[\]-~]|\\["\\]){1,255}"')


@schemathesis.hook
def before_call(context, case, kwargs):
    # An object or a list without members comes out as no limit at all.
    if isinstance((case.query or {}).get("limit"), (dict, list)):
        case.query["limit"] = "x"
    key = (case.headers or {}).get("Idempotency-Key")
    if not isinstance(key, str):
        return
    if BARE.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key[:200]}-{uuid.uuid4()}"
    elif QUOTED.fullmatch(key):
        case.headers["Idempotency-Key"] = f'"{uuid.uuid4()}{key[1:]}' if len(key) < 200 else f'"{uuid.uuid4()}"'
