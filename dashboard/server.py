"""The dashboard's server: `streamlit run dashboard/server.py`. The pages, and the addresses beside them."""

from __future__ import annotations

import streamlit as st
from starlette.routing import Route

from dashboard import cookie, link

app = st.App(
    "streamlit_app.py",
    routes=[
        Route(cookie.ADDRESS, cookie.exchange, methods=["POST"]),
        Route(link.ADDRESS, link.page, methods=["GET"]),
        Route(link.ADDRESS, link.open_link, methods=["POST"]),
    ],
)
