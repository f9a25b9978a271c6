// Tells Streamlit's page where its server is. Without this the address of a page of the office, such as /people, is tried as the
// server's own path first, and the browser's console fills with answers of 404.
window.__streamlit = { BACKEND_BASE_URL: `${location.origin}/` };
