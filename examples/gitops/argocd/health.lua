-- How Argo CD understands a Server: the value of resource.customizations.health.hostler.dev_Server in argocd-cm.
local status = obj.status
if obj.spec.paused then
  return { status = "Suspended", message = "spec.paused: nothing is written to the host" }
end
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Hostler has not looked at the newest spec yet" }
end
local found = {}
for _, condition in ipairs(status.conditions) do
  found[condition.type] = condition
end
local function is(type, value)
  return found[type] ~= nil and found[type].status == value
end
if is("Stalled", "True") then
  return { status = "Degraded", message = found.Stalled.message }
end
local seen = found.Ready and found.Ready.observedGeneration or 0
if is("Ready", "True") and seen ~= obj.metadata.generation then
  return { status = "Progressing", message = "Hostler has not held the newest spec against the host yet" }
end
if is("Ready", "True") then
  if is("InSync", "False") and found.InSync.reason == "WaitingForApproval" then
    return { status = "Suspended", message = found.InSync.message }
  end
  return { status = "Healthy", message = found.Ready.message }
end
if is("Reconciling", "True") or is("Ready", "Unknown") or found.Ready == nil then
  return { status = "Progressing", message = found.Ready and found.Ready.message or "" }
end
return { status = "Degraded", message = found.Ready.message }
