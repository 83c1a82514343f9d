// The jobs: what runs when, how it went, and the switches.
import { useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { Job, JobRun, Page } from "../api/types";
import { count } from "../format/numbers";
import { age } from "../format/time";
import { useResource } from "../state/resource";
import { serverNow, tick as clockTick } from "../state/server";
import { ActButton } from "./act";
import { Bone, Scroll, When } from "./bits";
import { Failure } from "./failure";

const RUNS_SHOWN = 10;

export function JobTable({ items, onChange }: { items: readonly Job[]; onChange: () => void }) {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <Scroll label="Table of jobs">
      <table>
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">Last run</th>
            <th scope="col" class="wide">
              Next
            </th>
            <th scope="col">
              <span class="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((job) => (
            <JobRows key={job.id} job={job} open={open === job.id} onOpen={() => setOpen(open === job.id ? null : job.id)} onChange={onChange} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function JobRows({ job, open, onOpen, onChange }: { job: Job; open: boolean; onOpen: () => void; onChange: () => void }) {
  const changed = (): null => {
    onChange();
    return null;
  };
  return (
    <>
      <tr data-job={job.id}>
        <th scope="row">
          <button type="button" class="plain-button" aria-expanded={open} onClick={onOpen}>
            <b>{job.id}</b> <span class="soft small wide">{job.description}</span>
          </button>
        </th>
        <td>{job.last_run ? <Outcome run={job.last_run} /> : <span class="soft">never</span>}</td>
        <td class="wide">{!job.enabled ? <span class="badge warn">switched off</span> : job.next_due_at ? <When iso={job.next_due_at} /> : "–"}</td>
        <td class="actions">
          <ActButton<JobRun> path={`/jobs/${segment(job.id)}/run`} of={job.id} after={(run) => (onChange(), run.outcome ?? "started")}>
            Run now
          </ActButton>
          <ActButton<Job> path={`/jobs/${segment(job.id)}/${job.enabled ? "disable" : "enable"}`} of={job.id} after={changed}>
            {job.enabled ? "Switch off" : "Switch on"}
          </ActButton>
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={4}>
            <Runs job={job} />
          </td>
        </tr>
      )}
    </>
  );
}

function Runs({ job }: { job: Job }) {
  const runs = useResource<Page<JobRun>>(`runs ${job.id} ${job.last_run?.id ?? 0}`, (signal) => get(`/jobs/${segment(job.id)}/runs`, { limit: RUNS_SHOWN }, signal), { keep: true });
  if (runs.error && !runs.data) return <Failure error={runs.error} onRetry={runs.reload} of="the runs" />;
  if (!runs.data) return <Bone />;
  return (
    <>
      <p class="soft small">
        {job.description} Schedule: <code>{job.schedule}</code>
      </p>
      <ul class="runs">
        {runs.data.items.map((run) => (
          <li key={run.id}>
            <When iso={run.started_at} /> <Outcome run={run} />
            <span class="soft small">
              {Object.entries(run.counts)
                .map(([what, n]) => `${what} ${count(n)}`)
                .join(", ")}
              {run.error && ` ${run.error}`}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Outcome({ run }: { run: JobRun }) {
  void clockTick.value;
  const tone = run.outcome === "ok" ? "good" : run.outcome === "failed" ? "bad" : "";
  return (
    <span title={run.error ?? undefined}>
      <span class={`badge ${tone}`}>{run.outcome ?? "running"}</span>{" "}
      <span class="soft small">{run.ended_at ? `${age((serverNow() - Date.parse(run.ended_at)) / 1000)} ago` : ""}</span>
    </span>
  );
}
