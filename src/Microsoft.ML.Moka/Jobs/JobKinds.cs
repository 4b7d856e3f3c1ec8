using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Moka.Work;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Jobs;

/// <summary>What a worker can do, by the kind of the job.</summary>
internal static class JobKinds
{
    /// <summary>Makes ready for the items of a job: loads what it needs.</summary>
    /// <param name="env">Says on which device.</param>
    /// <param name="kind">What is to be done.</param>
    /// <param name="files">The job's content.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="InvalidOperationException">This worker cannot do it; the message says why.</exception>
    public static WorkerTask Open(IHostEnvironment env, string kind, IReadOnlyDictionary<string, byte[]> files, CancellationToken cancellation) => kind switch
    {
        TrainingJob.Kind => new TrainingWorker(env, files, cancellation),
        _ => throw new InvalidOperationException($"This worker knows no jobs of the kind '{kind}': use one version of the package everywhere."),
    };
}
