// Follow Pawl's revocations, with Node 18 or later and nothing else.
//
//     node feed.mjs https://login.example.com CLIENT SECRET

/** Yields [event, data] for ever, over as many connections as it takes. */
export async function* follow(issuer, client, secret) {
  for (let cursor = ""; ; await new Promise((done) => setTimeout(done, 1000))) {
    const silence = new AbortController(); // there is a heartbeat each second
    let timer = setTimeout(() => silence.abort(), 5000);
    try {
      const headers = { authorization: "Basic " + btoa(`${client}:${secret}`), "last-event-id": cursor };
      const feed = await fetch(issuer + "/api/revocations", { headers, signal: silence.signal, redirect: "error" });
      if (feed.status >= 400 && feed.status < 500) throw new RangeError(`refused: ${feed.status} ${await feed.text()}`);
      if (!feed.ok) continue;
      let text = "";
      for await (const bytes of feed.body.pipeThrough(new TextDecoderStream())) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), 5000);
        const events = (text + bytes).split("\n\n");
        text = events.pop(); // the rest of it is on its way
        for (const lines of events) {
          const e = Object.fromEntries(lines.split("\n").map((line) => line.split(/: (.*)/s, 2)));
          cursor = e.id ?? cursor;
          if (e.event) yield [e.event, JSON.parse(e.data)];
        }
      }
    } catch (err) {
      if (err instanceof RangeError) throw err;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What was ended. Ask covers() about the claims of every access token that verifies. */
export class Revoked {
  entries = new Map();

  add(entry) {
    const key = `${entry.kind} ${entry.id ?? ""}`;
    const old = this.entries.get(key);
    if (!old || seconds(entry) >= seconds(old)) this.entries.set(key, entry);
  }

  forget(now) { // by the clock that lags: while tokens live here, their end is kept
    const before = Math.min(Date.parse(now.time), Date.now()) / 1000 - now.keepSeconds;
    for (const [key, e] of this.entries) if (Math.max(Date.parse(e.at) / 1000, seconds(e)) < before) this.entries.delete(key);
  }

  covers(claims) {
    const marks = [this.entries.get(`user ${claims.sub}`), this.entries.get("all ")];
    return this.entries.has(`session ${claims.sid}`) || marks.some((m) => m && claims.auth_time <= seconds(m));
  }
}

const seconds = (entry) => (entry.notBefore ? Date.parse(entry.notBefore) / 1000 : 0);

if (import.meta.url === new URL(process.argv[1], "file://").href) {
  const revoked = new Revoked();
  let whole = false;
  for await (const [event, data] of follow(...process.argv.slice(2, 5))) {
    if (event === "revoked") {
      revoked.add(data);
      console.log("ended", data.kind, data.id ?? "-", data.reason);
    } else if (event === "keys") {
      console.log("keys", ...data.kids);
    } else if (event === "current") {
      revoked.forget(data);
      if (!whole) console.log("the picture is whole:", revoked.entries.size, "entries");
      whole = true;
    }
  }
}
