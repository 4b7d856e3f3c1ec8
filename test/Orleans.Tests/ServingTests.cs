using System.Globalization;
using Orleans.Runtime;

namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>Models that silos serve give what each gives by itself, wherever it is, while files change and silos are killed.</summary>
public sealed class ServingTests : IDisposable
{
    private static readonly string[] Texts = ["the pot broke", "my coat tore", "a jug", "wool", "it fell on the stairs", ""];

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("moka-models-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Models_share_a_silo_and_its_batches_are_exchanged_in_use_and_outlive_their_silo()
    {
        var expected = new Dictionary<string, IReadOnlyList<LabelPrediction>>
        {
            ["goods"] = Train("goods", ["clay", "cloth"], 1), ["rooms"] = Train("rooms", ["kitchen", "hall", "attic"], 2),
        };
        using var workers = new WorkerProcesses(2, _folder);
        await using var cluster = await MokaCluster.ConnectAsync(workers.Folder, Cancellation);

        var missing = await Assert.ThrowsAsync<FileNotFoundException>(() => cluster.GetModel("good").PredictLabels("wool"));
        Assert.Contains("goods, rooms", missing.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<FileNotFoundException>(() => cluster.GetModel("../goods").PredictLabels("wool"));

        // The one that comes second would go to the silo without a model, if its backbone were not in memory at the other.
        await cluster.GetModel("goods").Describe();
        // One by one, of both at once, and on several tenants' behalf.
        var asked = expected.Keys.SelectMany(name => Texts.Select(async (text, i) =>
            Assert.Equal(Bits(expected[name][i]), Bits(await cluster.GetModel(name).PredictLabels(text, $"tenant {i % 3}"))))).ToList();
        await Task.WhenAll(asked);
        var (goods, rooms) = (await cluster.GetModel("goods").Describe(), await cluster.GetModel("rooms").Describe());
        Assert.Equal(goods.Silo, rooms.Silo);
        Assert.Equal(asked.Count, rooms.TextsOfSilo);
        Assert.InRange(rooms.BatchesOfSilo, 1, asked.Count - 1);

        var refused = await Assert.ThrowsAsync<MokaTenantLimitException>(
            () => cluster.GetModel("goods").PredictAllLabels([.. Enumerable.Repeat("wool", 65)], "greedy"));
        Assert.Contains("'greedy'", refused.Message, StringComparison.Ordinal);

        var exchanged = Train("goods", ["clay", "cloth", "wood"], 3);
        await Until(async () => (await cluster.GetModel("goods").Describe()).Version != goods.Version);
        await Answers("goods", exchanged);
        await File.WriteAllTextAsync(Path.Combine(_folder, "rooms.zip"), "half a file", Cancellation);
        await Until(async () => (await cluster.GetModel("rooms").Describe()).Refusal is not null);
        await Answers("rooms", expected["rooms"]);

        await workers.KillSilo(goods.Silo);
        await Until(async () =>
        {
            try
            {
                // A message to a silo that is killed may be lost, and nobody tells.
                await Answers("goods", exchanged).WaitAsync(TimeSpan.FromSeconds(5), Cancellation);
                return true;
            }
            catch (Exception e) when (e is OrleansException or TimeoutException)
            {
                return false;
            }
        });
        Assert.NotEqual(goods.Silo, (await cluster.GetModel("goods").Describe()).Silo);
        // What is loaded anew has to be whole.
        var damaged = await Assert.ThrowsAsync<InvalidDataException>(() => cluster.GetModel("rooms").PredictLabels("wool"));
        Assert.Contains("rooms.zip", damaged.Message, StringComparison.Ordinal);

        async Task Answers(string name, IReadOnlyList<LabelPrediction> labels) =>
            Assert.Equal(labels.Select(Bits), (await cluster.GetModel(name).PredictAllLabels(Texts)).Select(Bits));
    }

    private static async Task Until(Func<Task<bool>> isSo)
    {
        for (var began = TimeProvider.System.GetTimestamp(); !await isSo(); await Task.Delay(100, Cancellation))
            Assert.True(TimeProvider.System.GetElapsedTime(began) < LongestWait, "It did not come to be.");
    }

    private static string Bits(LabelPrediction prediction) => string.Join(
        ' ', prediction.Labels.Select(label => FormattableString.Invariant($"{label.Label} {BitConverter.SingleToInt32Bits(label.Probability):x8}")));

    /// <summary>A model in the folder, and what it says of the texts by itself.</summary>
    private IReadOnlyList<LabelPrediction> Train(string name, string[] labels, int seed)
    {
        var context = new MLContext(seed);
        var rows = context.Data.LoadFromEnumerable(Enumerable.Range(0, 20).Select(i => new Row
        {
            Text = string.Create(CultureInfo.InvariantCulture, $"thing {i % labels.Length} number {i}"), Label = labels[i % labels.Length],
        }));
        // A chain, as people have it: the key, the model, and the key's name.
        var pipeline = context.Transforms.Conversion.MapValueToKey("Label")
            .Append(context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options { BatchTokens = 64, NumberOfSteps = 2 }))
            .Append(context.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
        using var model = pipeline.Fit(rows);
        context.Model.SaveAtomically(model, rows.Schema, Path.Combine(_folder, $"{name}.zip"));
        return context.Model.PredictAllLabels(model, Texts);
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
