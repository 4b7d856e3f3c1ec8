using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Tests.Evaluation.Reports;
using Microsoft.ML.Moka.Tests.Training;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Files;

/// <summary>
/// Every store of the package, written while its N-th call fails, for every N: afterwards the earlier content is there or the new one, a reader who changes
/// nothing sees it, nothing else lies beside it, and the next save works.
/// </summary>
public sealed class EveryCallTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<DiskFault> Faults => [.. Enum.GetValues<DiskFault>()];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_file(DiskFault fault) => Fails(
        fault, 5, folder => AtomicFile.Write(Path.Combine(folder, "file"), stream => stream.Write(new byte[100_000])),
        folder => AtomicFile.Write(Path.Combine(folder, "file"), stream => stream.Write(new byte[200_000])),
        folder => new FileInfo(Path.Combine(folder, "file")).Length.ToString());

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_file_and_what_tells_of_it(DiskFault fault) => Fails(fault, 9, folder => Save(folder, "old"), folder => Save(folder, "new"), folder =>
        {
            // One without the other is told apart from one with another's.
            var (file, beside) = (Path.Combine(folder, "file"), Path.Combine(folder, "beside"));
            return File.Exists(beside) ? File.ReadAllText(file) + File.ReadAllText(beside) : $"{File.ReadAllText(file)}{File.ReadAllText(file)}";
        });

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_model(DiskFault fault)
    {
        using var other = Other();
        Fails(fault, 5, folder => Save(tuned.Model, folder), folder => Save(other, folder), ReadZip);

        void Save(MokaTransformer model, string folder) =>
            tuned.Context.Model.SaveAtomically(model, tuned.Train.Schema, Path.Combine(folder, "model.zip"));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void An_adapter(DiskFault fault)
    {
        using var other = Other();
        Fails(fault, 11, folder => tuned.Model.SaveAdapter(folder), folder => other.SaveAdapter(folder), ReadAdapter);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_merged_backbone_in_shards(DiskFault fault)
    {
        using var other = Other();
        var options = new MergeOptions { MaximumShardBytes = 80_000 };
        Fails(fault, 20, folder => tuned.Model.SaveMerged(Path.Combine(folder, "merged"), options),
            folder => other.SaveMerged(Path.Combine(folder, "merged"), options), folder => ReadFolder(folder, "merged"));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_folder_where_the_system_cannot_exchange_two(DiskFault fault)
    {
        Fails(fault, 8, folder => Save(folder, "old"), folder => Save(folder, "new"), folder => ReadFolder(folder, "store"), exchanges: false);

        static void Save(string folder, string content) => AtomicFolder.Write(
            Path.Combine(folder, "store"), _ => true, temporary => NewFile.Write(Path.Combine(temporary, "a"), Encoding.ASCII.GetBytes(content)));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_report(DiskFault fault)
    {
        var (earlier, later) = (Report("old"), Report("new"));
        Fails(fault, 8, folder => earlier.Save(Path.Combine(folder, "report")), folder => later.Save(Path.Combine(folder, "report")),
            folder => ReadFolder(folder, "report"));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_checkpoint(DiskFault fault)
    {
        using var tiny = new TinyRun();
        using var run = new TrainingRun(new TrainedModel(tiny.Backbone, tiny.Adapters), TinyRun.Plan, TinyRun.Examples(4), null);
        using var fresh = new TinyRun();
        using var earlier = new TrainingRun(new TrainedModel(fresh.Backbone, fresh.Adapters), TinyRun.Plan, TinyRun.Examples(4), null);
        run.Step(default);
        Fails(fault, 5, folder => Save(earlier, folder), folder => Save(run, folder),
            folder => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, "c")))));

        static void Save(TrainingRun run, string folder) => new TrainingCheckpoint(Path.Combine(folder, "c"), "run").Save(run);
    }

    private static void Save(string folder, string content) => AtomicFile.Write(
        Path.Combine(folder, "file"), stream => stream.Write(Encoding.ASCII.GetBytes(content)),
        Path.Combine(folder, "beside"), Encoding.ASCII.GetBytes(content));

    private static BenchmarkReport Report(string title) =>
        new([MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("0110")))], new BenchmarkReportOptions { Title = title });

    private static string ReadFolder(string folder, string name) => EveryCall.Content(AtomicFolder.Current(Path.Combine(folder, name)));

    // A zip has the time of the day in it.
    private static string ReadZip(string folder)
    {
        using var zip = ZipFile.OpenRead(Path.Combine(folder, "model.zip"));
        return string.Join('\n', zip.Entries.Select(entry =>
        {
            using var stream = entry.Open();
            return $"{entry.FullName} {Convert.ToHexString(SHA256.HashData(stream))}";
        }));
    }

    private static string ReadAdapter(string folder)
    {
        var pair = AdapterPair.Open(folder);
        using var weights = pair.Weights;
        return Convert.ToHexString(SHA256.HashData([.. weights.Slice(0, (int)weights.Length).Span, .. pair.Config]));
    }

    private void Fails(DiskFault fault, int fewestCalls, Action<string> saveOld, Action<string> saveNew, Func<string, string> read,
        bool exchanges = true)
    {
        var calls = EveryCall.Fails(fault, _folder.Path, saveOld, saveNew, read, exchanges);
        TestContext.Current.TestOutputHelper?.WriteLine($"{calls} calls, each of which failed once: {fault}");
        Assert.True(calls >= fewestCalls, $"{calls} calls");
    }

    private MokaTransformer Other()
    {
        var options = tuned.FewSteps;
        options.Adapter = new LoraAdapter { Rank = 2, Alpha = 64 };
        return tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
    }
}
