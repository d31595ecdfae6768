"""The command that opens the app: Streamlit, in this process, with the settings that lie beside app.py."""

import os
import runpy
import sys
from typing import Annotated

from typer import Option

from ..settings import PREFIX, PROFILES, ROOT, settings
from .command import choose_from

PORT_HELP = "port of the server (default: 8501, or the next free one)"
ADDRESS_HELP = "address to listen on (default: this machine only; with the profile public, every address)"
PROFILE_HELP = f"limits of this server, {' or '.join(PROFILES)} (default: {PREFIX}PROFILE, else local)"


def open_app(
    port: Annotated[int | None, Option(metavar="N", help=PORT_HELP, min=1, max=65535)] = None,
    address: Annotated[str | None, Option(metavar="ADDRESS", help=ADDRESS_HELP)] = None,
    profile: Annotated[str | None, Option(metavar="PROFILE", help=PROFILE_HELP, **choose_from(PROFILES))] = None,
    browser: Annotated[bool, Option("--browser/--no-browser", help="open the app in the browser")] = True,
) -> None:
    """Start the server and open the app in the browser. Ends with the server."""
    if profile:
        os.environ[f"{PREFIX}PROFILE"] = profile
    own = settings()
    sys.argv = [
        "streamlit",
        "run",
        str(ROOT / "app.py"),
        f"--server.address={address or ('127.0.0.1' if own.profile == 'local' else '0.0.0.0')}",
        f"--server.headless={str(not browser).lower()}",
        f"--server.maxUploadSize={own.upload_megabytes}",
        "--server.showEmailPrompt=false",
        *([f"--server.port={port}"] if port else []),
    ]
    runpy.run_module("streamlit", run_name="__main__")  # by its name: the library works without Streamlit
