"""The dashboard's server: `streamlit run dashboard/server.py`. The pages, and the addresses beside them."""

from __future__ import annotations

import streamlit as st
from starlette.routing import Route

from dashboard import company_sign_in, cookie, link

company_sign_in.provider()  # a wrong setting is told when the server starts
app = st.App(
    "streamlit_app.py",
    routes=[
        Route(cookie.ADDRESS, cookie.exchange, methods=["POST"]),
        Route(link.ADDRESS, link.page, methods=["GET"]),
        Route(link.ADDRESS, link.open_link, methods=["POST"]),
        *company_sign_in.ROUTES,
    ],
)
