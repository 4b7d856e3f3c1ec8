using System.Reflection;
using Microsoft.ML.Moka.Evaluation;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Sweeps;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Moka.Work;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Jobs;

/// <summary>What a worker can do, by the kind of the job.</summary>
internal static class JobKinds
{
    /// <summary>The version of this package: another one may compute other bits, and may mean something else by what it is told.</summary>
    public static string Version { get; } =
        typeof(JobKinds).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    /// <summary>Makes ready for the items of a job: loads what it needs.</summary>
    /// <param name="context">Says on which device.</param>
    /// <param name="kind">What is to be done.</param>
    /// <param name="version">The version of the package that the job comes from.</param>
    /// <param name="files">The job's content.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="InvalidOperationException">This worker cannot do it; the message says why.</exception>
    public static WorkerTask Open(
        MLContext context, string kind, string version, IReadOnlyDictionary<string, byte[]> files, CancellationToken cancellation) => kind switch
    {
        _ when version != Version => throw new InvalidOperationException(
            $"This worker has the version {Version} of Microsoft.ML.Moka and the program {version}: use one version of the package everywhere."),
        TrainingJob.Kind => new TrainingWorker(EnvironmentOf(context), files, cancellation),
        EvaluationJob.Kind => new EvaluationWorker(EnvironmentOf(context), files, cancellation),
        TrialJob.Kind => new TrialWorker(context, files, cancellation),
        _ => throw new InvalidOperationException($"This worker knows no jobs of the kind '{kind}': use one version of the package everywhere."),
    };

    private static IHostEnvironment EnvironmentOf(MLContext context) => MlNetAccess.EnvironmentOf(context.MulticlassClassification.Trainers);
}
