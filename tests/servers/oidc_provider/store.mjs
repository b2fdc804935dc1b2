// Where oidc-provider keeps what it gave out. Its own memory forgets after 1,000 items: a spent refresh token that
// is forgotten is not seen as used again, and a storm would look harmless. This one forgets nothing; what has
// expired is oidc-provider's to judge.

const items = new Map(); // "Model:id" → payload
const ofGrant = new Map(); // grant id → keys of its tokens
const ofSession = new Map(); // session uid → session id

export class Store {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async find(id) {
    return items.get(this.key(id));
  }

  async findByUid(uid) {
    return this.find(ofSession.get(uid));
  }

  async findByUserCode() {
    return undefined; // no device flow here
  }

  async upsert(id, payload) {
    items.set(this.key(id), payload);
    if (this.model === "Session") ofSession.set(payload.uid, id);
    if (payload.grantId) {
      const keys = ofGrant.get(payload.grantId) ?? new Set();
      ofGrant.set(payload.grantId, keys.add(this.key(id)));
    }
  }

  async consume(id) {
    items.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    items.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const key of ofGrant.get(grantId) ?? []) items.delete(key);
    ofGrant.delete(grantId);
  }
}
