"""The dashboard's server: `streamlit run dashboard/server.py`. The pages, and the one address beside them."""

from __future__ import annotations

import streamlit as st
from starlette.routing import Route

from dashboard import cookie

app = st.App("streamlit_app.py", routes=[Route(cookie.ADDRESS, cookie.exchange, methods=["POST"])])
