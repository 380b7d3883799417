"""The Web Worker's Python: holds the tunnel and serves the page's calls. `js/worker.js` starts it."""
