// What can be done with a connection.
import { call } from "./api.js";
import { ask, consentPath, openWindow } from "./consent.js";
import { announce, apiPath } from "./dom.js";
import { confirmed } from "./feedback.js";
import { T } from "./texts.js";

/** Refresh it now, and show how it is then. */
export async function refreshNow(page, { resource_id: resource, connection_id: id, generation }, draw) {
  const { body } = await call("POST", apiPath(resource, id, "/refresh"), null, page);
  draw(body);
  announce(
    body.generation > generation
      ? T.connection.refreshed(body.generation)
      : (T.connection.means[body.status] ?? T.status[body.status]),
  );
}

/** Ask for a new consent, in a window that this click opens. The old token set serves meanwhile. */
export async function reconnect(page, connection) {
  const { resource_id: resource, connection_id: id } = connection;
  const opened = openWindow(resource, id);
  await ask({ opened, resource, connection: id, before: connection });
  page.go(consentPath(resource, id));
}

/** Say what a disconnection does, and ask. */
export const surelyDisconnect = ({ connection_id: id, generation }) =>
  confirmed({
    title: T.connection.disconnectTitle(id),
    text: generation > 0 ? T.connection.disconnectText : T.connection.forgetText,
    yes: T.connection.disconnectYes,
  });

/** Disconnect it. */
export async function disconnect(page, { resource_id: resource, connection_id: id }) {
  await call("DELETE", apiPath(resource, id));
  page.flash("good", T.connection.disconnected(id));
  page.go(`/resources/${encodeURIComponent(resource)}`, { replace: true });
}
