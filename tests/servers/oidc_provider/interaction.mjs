// The page on which a person says who they are and what they allow: one form, no scripts.

const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

export function page(uid, params) {
  return `<!doctype html>
<html lang="en">
<title>Sign in</title>
<form method="post" action="/interaction/${escaped(uid)}">
<p>${escaped(params.client_id)} asks for ${escaped(params.scope ?? "nothing")}.</p>
<input type="hidden" name="uid" value="${escaped(uid)}">
<label>Account <input name="account" required></label>
<label>Without the scopes <input name="without"></label>
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny" formnovalidate>Deny</button>
</form>
</html>`;
}

// What oidc-provider is to go on with; signing in and consenting are one step here.
export async function outcome(provider, { params }, fields) {
  const accountId = fields.get("account");
  if (fields.get("decision") !== "allow" || !accountId) {
    return { error: "access_denied", error_description: "The person said no." };
  }
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  for (const resource of [params.resource ?? []].flat()) {
    grant.addResourceScope(resource, params.scope);
    grant.rejectResourceScope(resource, fields.get("without") ?? "");
  }
  return { login: { accountId }, consent: { grantId: await grant.save() } };
}
