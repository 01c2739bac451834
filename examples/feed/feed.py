"""Follow Pawl's revocations, with Python's standard library alone.

    python3 feed.py https://login.example.com CLIENT SECRET
"""
import base64, datetime, json, sys, time, urllib.error, urllib.request


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the secret elsewhere: it becomes an HTTPError."""

    def redirect_request(self, *_):
        return None


def follow(issuer, client, secret):
    """Yields (event, data) for ever, over as many connections as it takes."""
    web = urllib.request.build_opener(NoRedirect)
    cursor, basic = "", base64.b64encode(f"{client}:{secret}".encode()).decode()
    while True:
        headers = {"Authorization": "Basic " + basic, "Last-Event-ID": cursor}
        request = urllib.request.Request(issuer + "/api/revocations", headers=headers)
        try:
            with web.open(request, timeout=5) as feed:  # there is a heartbeat each second
                event = {}
                for line in feed:
                    name, _, value = line.decode().rstrip("\n").partition(": ")
                    if name:
                        event[name] = value
                    elif event:
                        cursor = event.get("id", cursor)
                        if "event" in event:
                            yield event["event"], json.loads(event["data"])
                        event = {}
        except urllib.error.HTTPError as refusal:
            if refusal.code < 500:
                raise
        except OSError:
            pass
        time.sleep(1)


class Revoked:
    """What was ended. Ask covers() about the claims of every access token that verifies."""

    def __init__(self):
        self.entries = {}

    def add(self, entry):
        key, old = (entry["kind"], entry.get("id")), self.entries.get((entry["kind"], entry.get("id")))
        if not old or seconds(entry) >= seconds(old):
            self.entries[key] = entry

    def forget(self, now):  # by the clock that lags: while tokens live here, their end is kept
        before = min(parse(now["time"]), time.time()) - now["keepSeconds"]
        self.entries = {key: e for key, e in self.entries.items() if max(parse(e["at"]), seconds(e)) >= before}

    def covers(self, claims):
        marks = [self.entries.get(("user", claims["sub"])), self.entries.get(("all", None))]
        return ("session", claims["sid"]) in self.entries or any(m and claims["auth_time"] <= seconds(m) for m in marks)


def parse(text):
    return datetime.datetime.fromisoformat(text.split(".")[0].rstrip("Z") + "+00:00").timestamp()


def seconds(entry):
    return parse(entry["notBefore"]) if "notBefore" in entry else 0


if __name__ == "__main__":
    revoked, whole = Revoked(), False
    for event, data in follow(*sys.argv[1:4]):
        if event == "revoked":
            revoked.add(data)
            print("ended", data["kind"], data.get("id", "-"), data["reason"], flush=True)
        elif event == "keys":
            print("keys", *data["kids"], flush=True)
        elif event == "current":
            revoked.forget(data)
            if not whole:
                print("the picture is whole:", len(revoked.entries), "entries", flush=True)
            whole = True
