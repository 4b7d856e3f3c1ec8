using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka;

/// <summary>
/// Workers that compute for this process: more GPUs (<see cref="MokaGpus"/>), or those of a cluster, as <c>MokaCluster</c> of the package
/// Microsoft.ML.Moka.Orleans has them. They change how long something takes, and not what comes of it.
/// </summary>
public abstract class WorkerPool
{
    internal WorkerPool()
    {
    }

    /// <summary>
    /// Whether workers count that compute with other instructions than this process, such as AVX2 beside AVX-512: sums are then rounded in another order, and
    /// the last bits of a result depend on who computed what. Default false: such a worker is left out, and the log says so.
    /// </summary>
    public bool AllowsOtherProcessors { get; set; }

    /// <summary>Whether this process computes as well, and all of it where there is no worker. Default true; else it waits for workers.</summary>
    public bool TakesPart { get; set; } = true;

    /// <summary>Begins a job, which workers join and leave.</summary>
    /// <param name="job">What they have to know.</param>
    /// <param name="warn">Told what goes wrong with a worker.</param>
    internal abstract WorkerJob Open(JobDescription job, Action<string> warn);
}
