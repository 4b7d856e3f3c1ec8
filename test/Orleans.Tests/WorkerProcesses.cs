using System.Diagnostics;
using Microsoft.ML.Moka.Orleans.Membership;

namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>Worker processes of a cluster of their own, killed in the end.</summary>
internal sealed class WorkerProcesses : IDisposable
{
    private static readonly string Program = Path.Combine(Repository.Root, "samples", "Cluster", "bin", "Release", "net10.0", "Cluster.dll");

    private readonly List<Process> _processes = [];
    private readonly string? _models;

    /// <param name="count">How many.</param>
    /// <param name="models">A folder of models that they serve; null for none.</param>
    public WorkerProcesses(int count, string? models = null)
    {
        _models = models;
        for (var i = 0; i < count; i++)
            Start();
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("moka-cluster-").FullName;

    /// <param name="environment">What its environment has beside this process's.</param>
    public Process Start(params IReadOnlyCollection<KeyValuePair<string, string>> environment)
    {
        var start = new ProcessStartInfo(Repository.DotnetPath, [Program, "worker", Folder, .. _models is null ? [] : new[] { _models }])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
        return process;
    }

    /// <summary>Kills the one that was started first of those that live.</summary>
    public void KillFirst()
    {
        var first = _processes.First(process => !process.HasExited);
        first.Kill();
        first.WaitForExit();
    }

    /// <summary>Kills the one whose silo has an address.</summary>
    public async Task KillSilo(string address)
    {
        var member = await new MemberFile(Folder).Use(
            table => (table, table.Members.First(member => member.Silo.StartsWith($"{address}@", StringComparison.Ordinal))));
        var process = _processes.Find(process => process.Id == member.ProcessId)!;
        process.Kill();
        await process.WaitForExitAsync();
    }

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
                process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
        Directory.Delete(Folder, recursive: true);
    }
}
