// What this deployment's page must know, asked once.

let asked = null;

/**
 * Resolves to {api_prefix, public_url, sign_in, demo_provider}: what stands before /v1, the broker's own address, how to
 * sign in (null: not at all), and the origin of the local stack's demo provider (null on AWS). Rejects with Error where
 * the broker cannot be reached or its issuer does not answer.
 */
export function config() {
  asked ??= fetched().catch((error) => {
    asked = null; // the next one who asks tries again
    throw error;
  });
  return asked;
}

async function fetched() {
  const response = await fetch("/console/config.json", { headers: { Accept: "application/json" } });
  if (response.ok) return response.json();
  const { detail = "" } = await response.json(); // a problem document: the issuer does not answer
  throw Object.assign(new Error(`config.json: ${response.status}`), { detail });
}
