"""The dashboard's server: `streamlit run dashboard/server.py`. The pages, and the addresses of sign-in."""

from __future__ import annotations

import streamlit as st
from starlette.routing import Route

from dashboard import company_sign_in, cookie

company_sign_in.provider()  # a wrong setting is told when the server starts
app = st.App(
    "streamlit_app.py",
    routes=[Route(cookie.ADDRESS, cookie.exchange, methods=["POST"]), *company_sign_in.ROUTES],
)
