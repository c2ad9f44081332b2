"""Cursors of the list of jobs: the last one of a page."""

import base64
import binascii
import json
from datetime import datetime

from domain.errors import Invalid
from domain.jobs.jobs import ID_MAX, Job, JobPlace


def encode_place(job: Job) -> str:
    content = json.dumps([job.created_at.isoformat(), job.id]).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def parse_place(cursor: str) -> JobPlace:
    """Raises Invalid for what no page of this list ended with."""
    try:
        created_at, id_ = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = JobPlace(datetime.fromisoformat(created_at), id_)
        if place.created_at.tzinfo is None or not isinstance(id_, str) or len(id_) > ID_MAX:
            raise ValueError(cursor)
        if "\x00" in id_:
            raise ValueError(cursor)
        id_.encode()  # half a surrogate pair is no text
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise Invalid(
            "cursor", "is not a cursor of this list: send the next_cursor of an earlier page"
        ) from None
    return place
