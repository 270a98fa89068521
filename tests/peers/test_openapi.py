"""The API against its own description, by schemathesis; `make peers` fetches it, into an
environment of its own."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.gateway.api.scripted import serving

SCHEMATHESIS = Path(sys.prefix) / "peers" / "bin" / "schemathesis"
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance", "negative_data_rejection"),
    *("unsupported_method", "allow_header_conformance", "ignored_auth"),
)
ENDS_S = 600.0

pytestmark = pytest.mark.skipif(
    "WAZITERM_PEERS" not in os.environ, reason="run by `make peers` alone"
)


@pytest.mark.timeout(900)
async def test_what_schemathesis_finds(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text('[parameters]\n"path.name" = "shop-a"\n')
    async with serving(tmp_path) as served:
        process = await asyncio.create_subprocess_exec(
            *(str(SCHEMATHESIS), "run", f"{served.url}/v1/openapi.json"),
            *("--header", f"Authorization: {served.bearer()['Authorization']}"),
            *("--checks", ",".join(CHECKS), "--max-examples", "50", "--continue-on-failure"),
            *("--seed", "17", "--workers", "1", "--no-color", "--warnings", "off"),
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(ENDS_S):
            said, _ = await process.communicate()
        print(said.decode())
        assert process.returncode == 0, said.decode()
        assert served.queue.taken, "some messages were taken"
