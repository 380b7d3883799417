// Node's HTTP/2 server (nghttp2) over TLS; prints {"port"} and, at /log, what it saw.
// usage: node http2_server.mjs CERTIFICATE_CHAIN.pem KEY.pem
import fs from "node:fs";
import http2 from "node:http2";

const [cert, key] = process.argv.slice(2);
const log = { sessions: 0, errors: [], resets: [], goaways: [], pings: 0 };
const server = http2.createSecureServer({
  cert: fs.readFileSync(cert), key: fs.readFileSync(key), settings: { maxConcurrentStreams: 50 },
});
server.on("session", (session) => {
  log.sessions += 1;
  session.on("error", (error) => log.errors.push(error.code ?? String(error)));
  session.on("goaway", (code) => log.goaways.push(code));
  session.on("frameError", (type, code) => log.errors.push(`frame ${type} ${code}`));
});
server.on("sessionError", (error) => log.errors.push(error.code ?? String(error)));
server.on("stream", (stream, headers) => {
  stream.on("aborted", () => log.resets.push(stream.rstCode));
  stream.on("error", () => {});
  const [, name, argument] = headers[":path"].split("/");
  const answers = {
    log: () => {
      stream.respond({ ":status": 200, "content-type": "application/json" });
      stream.end(JSON.stringify(log));
    },
    bytes: () => {
      stream.respond({ ":status": 200, "content-length": argument });
      stream.end(Buffer.alloc(Number(argument), 7));
    },
    echo: () => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    },
    hints: () => {
      stream.additionalHeaders({ ":status": 103, link: "</style.css>; rel=preload" });
      stream.respond({ ":status": 200 });
      stream.end("hinted");
    },
    trailers: () => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-checksum": "7" }));
      stream.end("with trailers");
    },
    push: () => {
      stream.respond({ ":status": 200 });
      stream.end(String(stream.pushAllowed));
    },
    reset: () => stream.close(Number(argument)),
    half: () => {
      stream.respond({ ":status": 200 });
      stream.write("half", () => stream.destroy(new Error("gone")));
    },
    early: () => {
      stream.respond({ ":status": 413 });
      stream.end("too much");
    },
    goaway: () => {
      stream.respond({ ":status": 200 });
      stream.session.close();
      stream.end("goodbye");
    },
    endless: () => {
      stream.respond({ ":status": 200 });
      const more = () => {
        while (!stream.destroyed && stream.write(Buffer.alloc(16_384)));
      };
      stream.on("drain", more);
      more();
    },
    cookies: () => {
      stream.respond({ ":status": 200, "set-cookie": ["a=1", "b=2"] });
      stream.end(headers.cookie);
    },
    head: () => {
      stream.respond({ ":status": 200, "content-length": 1000 }, { endStream: true });
    },
  };
  (answers[name] ?? answers.log)();
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
