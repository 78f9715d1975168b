-- The health check of docs/how-to/argo-cd.md, as Argo CD would run it (Lua 5.1), on objects as Sluice writes them.
local page = assert(io.open("docs/how-to/argo-cd.md")):read("*a")
local script = assert(page:match("health%.lua: |\n(.-)\n```"), "the page has no health.lua")
local health = assert(loadstring(script))

local function object(kind, reason, extra)
  local conditions = {{type = "Ready", status = kind, reason = reason, message = "m", observedGeneration = 2}}
  for _, condition in ipairs(extra or {}) do
    conditions[#conditions + 1] = {type = condition, status = "True", reason = reason, message = "m", observedGeneration = 2}
  end
  return {metadata = {generation = 2}, spec = {paused = false}, status = {conditions = conditions}}
end

local pending = object("Unknown", "Pending")
pending.status.conditions[1].observedGeneration = nil
local stale = object("True", "AsDeclared")
stale.metadata.generation = 3
local deleting = object("True", "AsDeclared")
deleting.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
local paused = object("False", "Paused", {"Stalled"})
paused.spec.paused = true

local cases = {
  {"an object without status is on its way", {metadata = {generation = 1}}, "Progressing"},
  {"so is one that nobody has looked at", pending, "Progressing"},
  {"ready is healthy", object("True", "AsDeclared"), "Healthy"},
  {"ready for an earlier spec is not", stale, "Progressing"},
  {"reconciling is on its way", object("False", "Creating", {"Reconciling"}), "Progressing"},
  {"stalled needs somebody", object("False", "InvalidSpec", {"Stalled"}), "Degraded"},
  {"blind is unknown", object("Unknown", "KafkaUnreachable"), "Unknown"},
  {"paused is suspended", paused, "Suspended"},
  {"an object that goes is on its way", deleting, "Progressing"},
}
local passed, failed = 0, 0
for _, case in ipairs(cases) do
  obj = case[2]
  local said = health()
  if said.status == case[3] and type(said.message) == "string" then passed = passed + 1 else
    failed = failed + 1
    print("not so: " .. case[1] .. ": " .. tostring(said.status))
  end
end
print(passed .. " passed, " .. failed .. " failed")
os.exit(failed == 0 and 0 or 1)
