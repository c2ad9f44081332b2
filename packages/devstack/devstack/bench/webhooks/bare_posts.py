"""
The reference: the same posts, signed and in flight as many as an engine has, by a process that does nothing else.

    python -m devstack.bench.webhooks.bare_posts POSTS_PER_RECEIVER < '[["http://127.0.0.1:1/", "whsec_..."], ...]'
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from uuid import uuid4

import aiohttp
import orjson

from domain.deliveries import CONCURRENT_POSTS
from domain.webhooks import make_headers, sign

BODY = orjson.dumps({"type": "webhook.test", "data": {"webhook_id": "whk_" + 24 * "0"}})


async def post_all(receivers: Sequence[tuple[str, str]], posts: int) -> float:
    """Post so many times to each receiver; return how many posts a second that were."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for url, secret in receivers:
                for place in range(CONCURRENT_POSTS):
                    mine = len(range(place, posts, CONCURRENT_POSTS))
                    group.create_task(_post(session, url, secret, mine))
        return len(receivers) * posts / (time.monotonic() - began)


async def _post(session: aiohttp.ClientSession, url: str, secret: str, posts: int) -> None:
    for _ in range(posts):
        id_, at = f"evt_{uuid4().hex}", int(time.time())
        headers = make_headers(id_, at, [sign(secret, id_, at, BODY)])
        async with session.post(url, data=BODY, headers=headers) as answer:
            await answer.read()


if __name__ == "__main__":
    print(asyncio.run(post_all(orjson.loads(sys.stdin.read()), int(sys.argv[1]))))
