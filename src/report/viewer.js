"use strict";
// A structure in WebGL 2: one quad an atom, turned into a lit sphere with its own depth by the
// fragment shader. Drag rotates, wheel or pinch zooms, double click resets.
(() => {
  const scene = JSON.parse(document.getElementById("scene").textContent);
  const holder = document.getElementById("viewer");
  const canvas = holder.querySelector("canvas");
  const root = document.documentElement;
  const gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
  if (!gl) {
    canvas.replaceWith(Object.assign(document.createElement("div"), {
      className: "missing",
      textContent: "This browser shows no WebGL 2, which the three-dimensional view needs. " +
        "Everything else on this page works without; final.data opens in OVITO.",
    }));
    holder.querySelector(".bar").hidden = true;
    root.dataset.viewer = "unavailable";
    return;
  }

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const count = scene.atoms;
  const fractions = new Uint16Array(bytes(scene.positions).buffer);
  const kinds = bytes(scene.kinds);
  const cell = scene.cell;
  const centers = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < 3; k++) {
      let x = 0;
      for (let m = 0; m < 3; m++) x += (fractions[3 * i + m] / 65536 - 0.5) * cell[m][k];
      centers[3 * i + k] = x;
    }
  }
  const corners = [];
  for (let n = 0; n < 8; n++) {
    corners.push([0, 1, 2].map((k) => [0, 1, 2].reduce((x, m) => x + ((n >> m & 1) - 0.5) * cell[m][k], 0)));
  }
  const reach = Math.max(...corners.map((c) => Math.hypot(...c)));

  const compile = (vertex, fragment) => {
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, "#version 300 es\nprecision highp float;\n" + source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    return { program, at: (name) => gl.getUniformLocation(program, name) };
  };
  const spheres = compile(
    `layout(location = 0) in vec3 center; layout(location = 1) in vec4 color; layout(location = 2) in float radius;
     uniform mat4 view, projection; uniform float cut;
     out vec2 corner; out vec3 middle; out vec3 paint; flat out float size;
     void main() {
       corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
       middle = (view * vec4(center, 1.0)).xyz; paint = color.rgb; size = radius;
       vec4 place = vec4(middle + vec3(corner * radius, 0.0), 1.0);
       gl_Position = middle.z > cut || color.a < 0.5 ? vec4(2.0, 2.0, 2.0, 1.0) : projection * place;
     }`,
    `in vec2 corner; in vec3 middle; in vec3 paint; flat in float size; uniform mat4 projection; uniform vec2 fog; out vec4 result;
     void main() {
       float r2 = dot(corner, corner);
       if (r2 > 1.0) discard;
       vec3 normal = vec3(corner, sqrt(1.0 - r2));
       vec4 clip = projection * vec4(middle + normal * size, 1.0);
       gl_FragDepth = 0.5 * clip.z / clip.w + 0.5;
       float light = 0.35 + 0.65 * max(dot(normal, normalize(vec3(0.35, 0.5, 0.8))), 0.0);
       float glint = pow(max(dot(reflect(vec3(0.0, 0.0, -1.0), normal), normalize(vec3(0.35, 0.5, 0.8))), 0.0), 24.0);
       vec3 lit = paint * light + 0.18 * glint;
       lit *= mix(0.55, 1.0, smoothstep(0.0, 0.35, normal.z));
       float depth = clamp((fog.x - middle.z) / fog.y, 0.0, 1.0);
       result = vec4(mix(lit, vec3(1.0), 0.6 * depth), 1.0);
     }`);
  const edges = compile(
    `layout(location = 0) in vec3 center; uniform mat4 view, projection;
     void main() { gl_Position = projection * view * vec4(center, 1.0); }`,
    `out vec4 result; void main() { result = vec4(0.35, 0.39, 0.44, 1.0); }`);

  const buffer = (data, usage) => {
    const b = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, b);
    gl.bufferData(gl.ARRAY_BUFFER, data, usage);
    return b;
  };
  const atoms = gl.createVertexArray();
  gl.bindVertexArray(atoms);
  buffer(centers, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
  gl.vertexAttribDivisor(0, 1);
  const colors = new Uint8Array(4 * count);
  const colorBuffer = buffer(colors, gl.DYNAMIC_DRAW);
  gl.enableVertexAttribArray(1);
  gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
  gl.vertexAttribDivisor(1, 1);
  buffer(Float32Array.from(kinds, (k) => scene.species[k].radius), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(2);
  gl.vertexAttribPointer(2, 1, gl.FLOAT, false, 0, 0);
  gl.vertexAttribDivisor(2, 1);
  const lines = gl.createVertexArray();
  gl.bindVertexArray(lines);
  const ends = [];
  for (let n = 0; n < 8; n++) for (let m = 0; m < 3; m++) if (!(n >> m & 1)) ends.push(...corners[n], ...corners[n | 1 << m]);
  buffer(new Float32Array(ends), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);

  // Viridis-like: readable in grey and for the colour-blind.
  const ramp = (x) => {
    const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
    const t = Math.min(Math.max(x, 0), 1) * (stops.length - 1);
    const k = Math.min(Math.floor(t), stops.length - 2);
    return stops[k].map((a, c) => Math.round(a + (t - k) * (stops[k + 1][c] - a)));
  };
  const wheel = [[120, 120, 120], [182, 80, 60], [230, 150, 50], [240, 205, 70], [60, 120, 190], [90, 175, 110], [150, 100, 170],
    [60, 170, 180], [140, 100, 70], [200, 110, 160], [40, 60, 110]];
  const css = (c) => `rgb(${c.join(",")})`;
  const hex = (text) => [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16));
  const shown = scene.species.map(() => true);
  const select = holder.querySelector("select");
  const legend = holder.querySelector(".legend");
  const scalars = scene.scalars.map((s) => ({ ...s, values: bytes(s.data) }));
  const modes = [{ name: "species" }, ...scalars];
  for (const mode of modes) select.append(new Option(mode.name, mode.name));

  const item = (color, text) => {
    const span = document.createElement("span");
    const dot = Object.assign(document.createElement("i"), { className: "swatch" });
    dot.style.background = color;
    span.append(dot, text);
    return span;
  };
  const paint = () => {
    const mode = modes[Math.max(select.selectedIndex, 0)];
    legend.replaceChildren();
    scene.species.forEach((s, k) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: shown[k] });
      box.addEventListener("change", () => { shown[k] = box.checked; paint(); });
      label.append(box, ...(mode.values ? [s.name] : [item(s.color, s.name)]));
      legend.append(label);
    });
    if (mode.values && mode.kind === "integer") {
      for (const value of [...new Set(mode.values)].sort((a, b) => a - b)) legend.append(item(css(wheel[value % wheel.length]), String(value)));
    } else if (mode.values) {
      const bar = Object.assign(document.createElement("span"), { className: "ramp" });
      bar.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map((x) => css(ramp(x))).join(",")})`;
      legend.append(mode.low.toPrecision(3), bar, mode.high.toPrecision(3));
    }
    const palette = scene.species.map((s) => hex(s.color));
    for (let i = 0; i < count; i++) {
      let color = palette[kinds[i]];
      if (mode.values && mode.kind === "integer") color = wheel[mode.values[i] % wheel.length];
      else if (mode.values) color = mode.values[i] === 255 ? [205, 205, 205] : ramp(mode.values[i] / 254);
      colors.set([...color, shown[kinds[i]] ? 255 : 0], 4 * i);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, colorBuffer);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, colors);
    draw();
  };

  // Rotation as a column-major 3 × 3 matrix.
  const turn = (a, axis, m) => {
    const [c, s] = [Math.cos(a), Math.sin(a)];
    const [p, q] = [(axis + 1) % 3, (axis + 2) % 3];
    const out = m.slice();
    for (let col = 0; col < 3; col++) {
      out[3 * col + p] = c * m[3 * col + p] - s * m[3 * col + q];
      out[3 * col + q] = s * m[3 * col + p] + c * m[3 * col + q];
    }
    return out;
  };
  const start = () => turn(0.35, 0, turn(-0.5, 1, [1, 0, 0, 0, 1, 0, 0, 0, 1]));
  let rotation = start();
  let zoom = 1;
  const slider = holder.querySelector("input[type=range]");
  let asked = false;
  const draw = () => {
    if (!asked) { asked = true; requestAnimationFrame(render); }
  };
  const render = () => {
    asked = false;
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [Math.max(1, Math.round(canvas.clientWidth * scale)), Math.max(1, Math.round(canvas.clientHeight * scale))];
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const distance = 3.2 * reach / zoom;
    const [near, far] = [Math.max(distance - 1.3 * reach, 0.01 * reach), distance + 1.3 * reach];
    const f = 1 / Math.tan(0.33) * Math.min(1, width / height);
    const projection = [f * height / width, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0];
    const r = rotation;
    const view = [r[0], r[1], r[2], 0, r[3], r[4], r[5], 0, r[6], r[7], r[8], 0, 0, 0, -distance, 1];
    gl.viewport(0, 0, width, height);
    gl.clearColor(1, 1, 1, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    for (const [part, array] of [[edges, lines], [spheres, atoms]]) {
      gl.useProgram(part.program);
      gl.uniformMatrix4fv(part.at("view"), false, view);
      gl.uniformMatrix4fv(part.at("projection"), false, projection);
      gl.bindVertexArray(array);
      if (part === edges) {
        gl.drawArrays(gl.LINES, 0, ends.length / 3);
      } else {
        gl.uniform1f(part.at("cut"), -distance + reach * (1.2 - 2.2 * slider.value));
        gl.uniform2f(part.at("fog"), -distance + 0.4 * reach, 2.4 * reach);
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
      }
    }
  };

  const pointers = new Map();
  let spread = 0;
  canvas.addEventListener("pointerdown", (e) => { canvas.setPointerCapture(e.pointerId); pointers.set(e.pointerId, [e.clientX, e.clientY]); spread = 0; });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (e) => { pointers.delete(e.pointerId); spread = 0; });
  canvas.addEventListener("pointermove", (e) => {
    const before = pointers.get(e.pointerId);
    if (!before) return;
    pointers.set(e.pointerId, [e.clientX, e.clientY]);
    if (pointers.size === 1) {
      const step = 5 / Math.max(canvas.clientHeight, 1);
      rotation = turn((e.clientX - before[0]) * step, 1, turn((e.clientY - before[1]) * step, 0, rotation));
    } else {
      const [a, b] = [...pointers.values()];
      const now = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread > 0) zoom = Math.min(Math.max(zoom * now / spread, 0.4), 12);
      spread = now;
    }
    draw();
  });
  canvas.addEventListener("wheel", (e) => { e.preventDefault(); zoom = Math.min(Math.max(zoom * Math.exp(-0.0012 * e.deltaY), 0.4), 12); draw(); }, { passive: false });
  const reset = () => { rotation = start(); zoom = 1; slider.value = 0; draw(); };
  canvas.addEventListener("dblclick", reset);
  canvas.addEventListener("keydown", (e) => {
    const turns = { ArrowLeft: [-0.1, 1], ArrowRight: [0.1, 1], ArrowUp: [-0.1, 0], ArrowDown: [0.1, 0] }[e.key];
    if (turns) { e.preventDefault(); rotation = turn(...turns, rotation); draw(); }
    if (e.key === "+" || e.key === "-") { zoom = Math.min(Math.max(zoom * (e.key === "+" ? 1.15 : 0.87), 0.4), 12); draw(); }
  });
  holder.querySelector("button").addEventListener("click", reset);
  slider.addEventListener("input", draw);
  select.addEventListener("change", paint);
  addEventListener("resize", draw);
  addEventListener("beforeprint", render);
  const wanted = new URLSearchParams(location.search).get("color");
  if (wanted && modes.some((m) => m.name === wanted)) select.value = wanted;
  paint();
  render();
  const pixels = new Uint8Array(4 * canvas.width * canvas.height);
  gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  let colored = 0;
  for (let k = 0; k < pixels.length; k += 4) if (Math.max(pixels[k], pixels[k + 1], pixels[k + 2]) - Math.min(pixels[k], pixels[k + 1], pixels[k + 2]) > 40) colored += 1;
  root.dataset.viewer = gl.getError() === gl.NO_ERROR ? "drawn" : "failed";
  root.dataset.viewerPixels = colored;
})();
