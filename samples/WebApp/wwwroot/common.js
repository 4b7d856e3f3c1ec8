// What both pages share. Text from users and from the server always goes through textContent: it is never markup.

export const byId = id => document.getElementById(id);

/** An element with a class, text and children. */
export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** Shows a message, or hides the place of one; fields are marked for screen readers. */
export function showError(place, message, field) {
  place.textContent = message ?? '';
  place.hidden = !message;
  if (field) message ? field.setAttribute('aria-invalid', 'true') : field.removeAttribute('aria-invalid');
}

/** Sends JSON, with a key where there is one; resolves to {ok, status, body}, also where the server cannot be reached. */
export async function send(url, body, key) {
  try {
    const headers = new Headers();
    if (body !== undefined) headers.set('Content-Type', 'application/json');
    if (key) headers.set('Authorization', `Bearer ${key}`);
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { ok: response.ok, status: response.status, body: await response.json().catch(() => ({})) };
  } catch {
    return { ok: false, status: 0, body: { title: 'The service cannot be reached', detail: 'Is it still running?' } };
  }
}

/** What an answer says went wrong, beside the fields. */
export const problemOf = body => [body.title ?? 'Something went wrong', body.detail].filter(Boolean).join('. ').replace('..', '.');

/** The model in service, told at the top of the page; null where there is none yet. */
export async function showModel() {
  const place = byId('model');
  try {
    const model = await (await fetch('/api/model')).json();
    place.className = model.error ? 'model trouble' : model.version ? 'model ready' : 'model';
    const text = model.error ?? (model.version ? `Model ${model.version} in service` : 'The first model is being trained');
    if (place.textContent !== text) place.textContent = text;
    return model;
  } catch {
    place.className = 'model trouble';
    place.textContent = 'The service cannot be reached';
    return null;
  }
}
