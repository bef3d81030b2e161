// Follows a run: the server says what is new, and drawReport draws it.
(() => {
	const at = id => document.getElementById(id);
	let over = false;

	// fill replaces what is below an element by a part of the report, which the
	// server's templates have made; what the reader has opened stays open.
	function fill(place, part) {
		const open = [...place.querySelectorAll("details")].map(d => d.open);
		keepFocus(place, () => { place.innerHTML = part; });
		place.querySelectorAll("details").forEach((d, i) => { if (i < open.length) d.open = open[i]; });
	}

	function tell(now) {
		const share = Math.round(100 * now.done), bar = at("bar");
		over = now.state === "over";
		at("live").dataset.state = now.state;
		at("name").textContent = now.name;
		at("now").textContent = now.now;
		at("left").textContent = now.left;
		document.title = (now.done >= 0 && !over ? share + " % " : "") + (now.name ? `${now.name}: ` : "") + now.now;
		bar.hidden = now.done < 0 || over;
		bar.setAttribute("aria-valuenow", share);
		bar.setAttribute("aria-valuetext", `${share} %. ${now.now} ${now.left}`);
		bar.style.setProperty("--done", now.done);
		bar.replaceChildren(...(now.marks || []).map(share => {
			const mark = document.createElement("i");
			mark.style.left = 100 * share + "%";
			return mark;
		}));
		at("counters").hidden = over || !now.counters;
		at("counters").replaceChildren(...(now.counters || []).map(({name, value}) => {
			const pair = document.createElement("div"), term = document.createElement("dt"), said = document.createElement("dd");
			term.textContent = name, said.textContent = value;
			pair.append(term, said);
			return pair;
		}));
	}

	const source = new EventSource("events"), data = f => e => f(JSON.parse(e.data));
	source.addEventListener("now", data(tell));
	source.addEventListener("rows", data(drawReport.extend));
	source.addEventListener("report", data(report => {
		fill(at("above"), report.above);
		fill(at("below"), report.below);
		drawReport(report.model);
	}));
	source.onerror = () => {
		at("live").dataset.state = "lost";
		at("left").textContent = over ? "The test has ended; this page stays as it is. It follows the next run at this address."
			: "The connection is lost: the test was ended, or is not to be reached. This page tries again.";
	};
})();
