-- What haproxy.cfg beside it asks of Pawl, with HAProxy's own HTTP client (2.5 or
-- later). PAWL is Pawl's address, PAWL_GATEWAY_SECRET the gateway's secret; both
-- come from the environment.

local pawl = os.getenv("PAWL") or "127.0.0.1:8080"
local secret = os.getenv("PAWL_GATEWAY_SECRET")

-- What is of the connection and not of the request, or is written here.
local own = {
	["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true, ["te"] = true, ["trailer"] = true,
	["upgrade"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["accept-encoding"] = true,
	["pawl-gateway"] = true, ["x-forwarded-method"] = true, ["x-forwarded-for"] = true, ["x-forwarded-proto"] = true,
}

-- Pawl's refusals, which the client gets as they are. Pawl puts its code on them; where
-- it cannot be reached HAProxy makes a 503 of its own, after three seconds.
local refusals = { [401] = "Unauthorized", [403] = "Forbidden", [503] = "Service Unavailable" }

local function first(headers, name)
	local values = headers and headers[name]
	return values and values[0]
end

local function relay(txn, answer)
	local reply = txn:reply()
	reply:set_status(answer.status, refusals[answer.status])
	for _, name in ipairs({ "content-type", "www-authenticate", "retry-after", "cache-control" }) do
		local value = first(answer.headers, name)
		if value then reply:add_header(name, value) end
	end
	reply:set_body(answer.body or "")
	txn:done(reply)
end

-- A page that a person opens is sent to the sign-in page. What could lead to
-- another host, or end the line, is no way back.
local function to_sign_in(txn)
	local to, reply = txn.sf:pathq(), txn:reply()
	if not to:find('^/[!-~]*$') or to:find('^/[/\\]') or to:find('#', 1, true) then to = nil end
	reply:set_status(302, "Found")
	reply:add_header("location", to and "/sign-in?return_to=" .. to or "/sign-in")
	reply:add_header("cache-control", "no-store")
	txn:done(reply)
end

local function is_page(txn)
	local method = txn.sf:method()
	return (method == "GET" or method == "HEAD") and txn.sf:req_fhdr("accept"):find("text/html", 1, true) ~= nil
end

-- pawl-verify says in txn.pawl_verified that a request may go on, as the person that
-- it is, or answers it. HAProxy goes on after an error in here: without the variable
-- haproxy.cfg refuses.
core.register_action("pawl-verify", { "http-req" }, function(txn)
	local headers = {}
	for name, values in pairs(txn.http:req_get_headers()) do
		if not own[name] then
			headers[name] = {}
			for i = 0, #values do headers[name][i + 1] = values[i] end
		end
	end
	headers["x-forwarded-method"] = { txn.sf:method() }
	headers["x-forwarded-for"] = { txn.sf:src() }
	headers["x-forwarded-proto"] = { txn.sf:ssl_fc() == 1 and "https" or "http" }
	if secret then headers["pawl-gateway"] = { secret } end

	local answer = core.httpclient():get({ url = "http://" .. pawl .. "/api/verify", headers = headers, timeout = 10000 })
	local refused = refusals[answer.status] and first(answer.headers, "pawl-code")
	if refused and answer.status == 401 and is_page(txn) then return to_sign_in(txn) end
	if refused then return relay(txn, answer) end
	if answer.status ~= 204 then
		return relay(txn, { status = 503, headers = { ["retry-after"] = { [0] = "1" }, ["content-type"] = { [0] = "application/problem+json" } },
			body = '{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The service cannot answer right now. Nothing was lost; try again.","code":"unavailable"}\n' })
	end
	for _, name in ipairs({ "pawl-subject", "pawl-session", "pawl-roles" }) do
		txn.http:req_set_header(name, first(answer.headers, name) or "")
	end
	-- What was reissued is for the client: haproxy.cfg puts it on the answer.
	for variable, name in pairs({ refresh = "pawl-refresh-cookie", access = "pawl-access-cookie", bearer = "authorization" }) do
		local value = first(answer.headers, name)
		if value then txn:set_var("txn.pawl_" .. variable, value) end
	end
	txn:set_var("txn.pawl_verified", true)
end, 0)

-- pawl-strip puts into txn.app_cookies what of the cookies the application may have:
-- the refresh token is the session.
core.register_action("pawl-strip", { "http-req" }, function(txn)
	local kept = {}
	for _, line in pairs(txn.http:req_get_headers()["cookie"] or {}) do
		for pair in line:gmatch("[^;]+") do
			pair = pair:match("^%s*(.-)%s*$")
			local name = pair:match("^[^=%s]*"):gsub("^__Host%-", "")
			if pair ~= "" and name ~= "refreshToken" and name ~= "accessToken" then kept[#kept + 1] = pair end
		end
	end
	if #kept > 0 then txn:set_var("txn.app_cookies", table.concat(kept, "; ")) end
end, 0)
