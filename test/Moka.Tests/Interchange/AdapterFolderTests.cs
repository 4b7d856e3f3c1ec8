using System.Diagnostics;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Tests.Files;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>Folders that we wrote: read back bit for bit, over a backbone that stays in memory once, and never half-written.</summary>
public sealed class AdapterFolderTests(TunedModel tuned) : IDisposable
{
    private const string ModelVariable = "MOKA_TEST_MODEL";
    private const string TargetVariable = "MOKA_TEST_TARGET";

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Methods => [.. AdapterMethods.Names];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Methods))]
    public void AFolderIsReadBackBitForBit(string method)
    {
        var options = tuned.FewSteps;
        options.Adapter = AdapterMethods.Create(method);
        options.Adapter.TargetModules = ["q_proj", "down_proj"];
        using var model = Fit(options);
        model.SaveAdapter(_folder.File("first"));

        using var other = tuned.Model.WithAdapter(_folder.File("first"));
        other.SaveAdapter(_folder.File("second"));

        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], Directory.GetFiles(_folder.File("first")).Select(Path.GetFileName).Order());
        AssertSameFiles(_folder.File("first"), _folder.File("second"));
        Assert.Equal(model.TrainableParameterCount, other.TrainableParameterCount);
        AssertSameScores(model, other);
        AssertSameScores(model, Fit(new MokaTrainer.Options
        {
            BackbonePath = tuned.BackbonePath, PromptTemplate = options.PromptTemplate, InitialAdapterPath = _folder.File("first"), NumberOfEpochs = 0,
        }));
    }

    [Fact]
    public void LoraHasPeftsFilesKeysAndFields()
    {
        var options = tuned.FewSteps;
        options.Adapter = new LoraAdapter { Rank = 4, Alpha = 8, TargetModules = ["*.q_proj"], Layers = [1] };
        using var model = Fit(options);

        model.SaveAdapter(_folder.Path);

        using var file = SafetensorsFile.Open(_folder.File("adapter_model.safetensors"));
        Assert.Equal(
            ["base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight", "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"],
            file.Names.Order());
        Assert.Equal([4, 32], file["base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"].Shape);
        Assert.Equal("pt", file.Metadata["format"]);
        var config = PeftFolder.Config(File.ReadAllText(_folder.File("adapter_config.json")));
        Assert.Equal(config.Select(field => field.Key).Order(StringComparer.Ordinal), config.Select(field => field.Key));
        Assert.Equal("LORA", (string?)config["peft_type"]);
        Assert.Equal(tuned.BackbonePath, (string?)config["base_model_name_or_path"]);
        Assert.Equal(4, (int?)config["r"]);
        Assert.Equal(8, (int?)config["lora_alpha"]);
        Assert.Equal("""["q_proj"]""", config["target_modules"]!.ToJsonString());
        Assert.Equal("[1]", config["layers_to_transform"]!.ToJsonString());
        Assert.StartsWith("{\n  \"base_model_name_or_path\"", File.ReadAllText(_folder.File("adapter_config.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void TrainingGoesOnFromAFolder()
    {
        tuned.Model.SaveAdapter(_folder.Path);
        var losses = new List<double>();
        var options = tuned.FewSteps;
        options.InitialAdapterPath = _folder.Path;
        options.Progress = p => losses.Add(p.Loss);

        using var model = Fit(options);

        // Untuned, a choice between words costs more.
        var fresh = new List<double>();
        options = tuned.FewSteps;
        options.Progress = p => fresh.Add(p.Loss);
        Fit(options).Dispose();
        Assert.True(losses[0] < fresh[0] / 2, $"{losses[0]} against {fresh[0]}");
        Assert.NotEqual(Scores(tuned.Model), Scores(model));
        Assert.Equal(tuned.Model.TrainableParameterCount, model.TrainableParameterCount);
    }

    [Fact]
    public void ACheckpointOfTrainingBelongsToTheAdapterThatItStartedFrom()
    {
        tuned.Model.SaveAdapter(_folder.File("adapter"));
        var options = tuned.FewSteps;
        options.CheckpointFolder = _folder.File("run");
        using var source = new CancellationTokenSource();
        options.CancellationToken = source.Token;
        options.Progress = _ => source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => Fit(options));
        options.CancellationToken = default;
        options.Progress = null;

        options.InitialAdapterPath = _folder.File("adapter");
        Assert.Contains("initial values", Assert.Throws<InvalidOperationException>(() => Fit(options)).Message, StringComparison.Ordinal);
        options.InitialAdapterPath = null;
        Fit(options).Dispose();
    }

    [Fact]
    public void SeveralAdaptersShareOneBackbone()
    {
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(_folder.File("shared"), seed: 51);
        IReadOnlyList<float[]> expectedFirst, expectedSecond;
        using (var first = Fit(options))
        {
            first.SaveAdapter(_folder.File("first"));
            expectedFirst = Scores(first);
        }
        options.Adapter = new LoraAdapter { Rank = 2 };
        options.LearningRate = 0.1f;
        using (var second = Fit(options))
        {
            second.SaveAdapter(_folder.File("second"));
            expectedSecond = Scores(second);
        }
        Assert.NotEqual(expectedFirst, expectedSecond);
        options.NumberOfSteps = 0;

        var untuned = Fit(options);
        var one = untuned.WithAdapter(_folder.File("first"));
        using var two = one.WithAdapter(_folder.File("second"));

        var fingerprint = SharedBackbone.FingerprintOf(new FolderFiles(options.BackbonePath));
        Assert.Equal(3, Shares());
        Assert.Same(one.Weights.Backbone.Head, two.Weights.Backbone.Head);
        Assert.Equal(expectedFirst, Scores(one));
        Assert.Equal(expectedSecond, Scores(two));
        Assert.Equal(untuned.Labels, two.Labels);
        untuned.Dispose();
        one.Dispose();
        Assert.Equal(1, Shares());
        Assert.Equal(expectedSecond, Scores(two));
        Assert.Throws<ObjectDisposedException>(() => one.WithAdapter(_folder.File("first")));

        int Shares() => Assert.Single(SharedBackbone.Shares, entry => entry.Key.StartsWith(fingerprint, StringComparison.Ordinal)).Value;
    }

    [Fact]
    public void AModelWithAnotherAdapterIsSavedInAZipAsAnyModel()
    {
        var options = tuned.FewSteps;
        options.Adapter = new CdkaAdapter();
        Fit(options).SaveAdapter(_folder.File("adapter"));
        using var model = tuned.Model.WithAdapter(_folder.File("adapter"));

        tuned.Context.Model.Save(model, tuned.Train.Schema, _folder.File("model.zip"));

        var loaded = tuned.Context.Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(Scores(model), TunedModel.Scores(loaded.Transform(tuned.Train)));
    }

    [Fact]
    public void OtherFilesInTheFolderStay()
    {
        File.WriteAllText(_folder.File("README.md"), "mine");
        tuned.Model.SaveAdapter(_folder.Path);
        tuned.Model.SaveAdapter(_folder.Path);

        Assert.Equal("mine", File.ReadAllText(_folder.File("README.md")));
        Assert.Equal(3, Directory.GetFiles(_folder.Path).Length);
    }

    [Fact]
    public void TwoProcessesThatAreKilledWhileTheySaveLeaveTheAdapterOfOne()
    {
        using var second = Other();
        tuned.Context.Model.Save(tuned.Model, tuned.Train.Schema, _folder.File("first.zip"));
        tuned.Context.Model.Save(second, tuned.Train.Schema, _folder.File("second.zip"));
        var target = _folder.File("target");
        Process[] processes = [Start("first.zip"), Start("second.zip")];
        while (!File.Exists(Path.Combine(target, "adapter_config.json")))
            Assert.DoesNotContain(processes, process => process.WaitForExit(20));
        Thread.Sleep(new Random(2).Next(500));
        foreach (var process in processes)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }

        using var model = tuned.Model.WithAdapter(target);
        Assert.Contains(Text(model), (string[])[Text(tuned.Model), Text(second)]);
        second.SaveAdapter(target);
        Assert.Equal(2, Directory.GetFileSystemEntries(target).Length);

        string Text(MokaTransformer of) => string.Join(' ', Scores(of).SelectMany(row => row).Select(BitConverter.SingleToUInt32Bits));

        Process Start(string name) => FreshProcess.Start(
            typeof(AdapterFolderTests), nameof(SavesUntilItIsKilled), (ModelVariable, _folder.File(name)), (TargetVariable, target));
    }

    [Fact]
    public void ASaveThatWasKilledBetweenItsFilesIsReadAsItIsAndFinishedByTheNextWriter()
    {
        using var model = Other();
        var (target, other) = (_folder.File("target"), _folder.File("other"));
        tuned.Model.SaveAdapter(target);
        model.SaveAdapter(other);
        File.Copy(Path.Combine(other, "adapter_model.safetensors"), Path.Combine(target, "adapter_model.safetensors"), overwrite: true);
        File.Copy(Path.Combine(other, "adapter_config.json"), Path.Combine(target, ".adapter_config.json.01234567.tmp"));
        var before = File.ReadAllBytes(Path.Combine(target, "adapter_config.json"));

        using var read = tuned.Model.WithAdapter(target);

        Assert.Equal(Scores(model), Scores(read));
        Assert.Equal(3, Directory.GetFiles(target).Length);
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(target, "adapter_config.json")));

        // A writer who fails leaves what readers saw.
        Disk.Use(new FailingDisk(3, DiskFault.Full));
        Assert.Throws<IOException>(() => tuned.Model.SaveAdapter(target));
        Disk.Use(null);
        using var again = tuned.Model.WithAdapter(target);
        Assert.Equal(Scores(model), Scores(again));
        AssertSameFiles(other, target);
    }

    [Fact]
    public async Task TheFirstSaveIsFoundWhileItsConfigGetsItsName()
    {
        using var done = new CancellationTokenSource();
        var target = _folder.File("0");
        var reads = 0;
        var reader = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                var folder = Volatile.Read(ref target);
                if (!File.Exists(Path.Combine(folder, "adapter_model.safetensors")))
                    continue;
                AdapterPair.Open(folder).Weights.Dispose();
                reads++;
            }
        });
        for (var i = 0; (i < 100 || reads < 100) && !reader.IsCompleted; i++)
        {
            Volatile.Write(ref target, _folder.File($"{i}"));
            tuned.Model.SaveAdapter(target);
        }
        done.Cancel();
        await reader;
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    public void FilesOfTwoSavesAreToldApart(string mixed)
    {
        using var model = Other();
        tuned.Model.SaveAdapter(_folder.File("target"));
        model.SaveAdapter(_folder.File("other"));
        File.Copy(Path.Combine(_folder.File("other"), mixed), Path.Combine(_folder.File("target"), mixed), overwrite: true);

        var error = Assert.Throws<InvalidDataException>(() => tuned.Model.WithAdapter(_folder.File("target")));

        Assert.Contains("the files of two saves were mixed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheBackbonesPathInTheConfigurationMayBeEdited()
    {
        tuned.Model.SaveAdapter(_folder.Path);
        var path = _folder.File("adapter_config.json");
        var config = PeftFolder.Config(File.ReadAllText(path));
        config["base_model_name_or_path"] = "elsewhere/model";
        File.WriteAllText(path, config.ToJsonString());

        using var read = tuned.Model.WithAdapter(_folder.Path);
        Assert.Equal(Scores(tuned.Model), Scores(read));
    }

    [Fact]
    public async Task AReaderBesideTwoWritersSeesOneSaveOrTheOther()
    {
        using var other = Other();
        tuned.Model.SaveAdapter(_folder.Path);
        using var done = new CancellationTokenSource();
        var seen = new HashSet<(int, int)>();
        var reads = 0;
        MokaTransformer[] models = [tuned.Model, other];
        var writers = models.Select(model => Task.Run(() =>
        {
            for (var i = 0; !done.IsCancellationRequested; i++)
                model.SaveAdapter(_folder.Path);
        })).ToArray();
        for (var end = DateTime.UtcNow.AddSeconds(2); DateTime.UtcNow < end || (seen.Count < 2 && reads < 10_000); reads++)
        {
            var pair = AdapterPair.Open(_folder.Path);
            using var weights = pair.Weights;
            seen.Add(((int)weights.Length, pair.Config.Length));
        }
        done.Cancel();
        await Task.WhenAll(writers);

        Assert.Equal(2, seen.Count);
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Path).Length);
    }

    [Fact]
    public void AConfigurationOfGigabytesIsRefusedUnread()
    {
        tuned.Model.SaveAdapter(_folder.Path);
        using (var file = File.OpenWrite(_folder.File("adapter_config.json")))
            file.SetLength(1L << 34);

        var error = Assert.Throws<InvalidDataException>(() => tuned.Model.WithAdapter(_folder.Path));

        Assert.Contains("adapter_config.json", error.Message, StringComparison.Ordinal);
        Assert.Contains("17,179,869,184 bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact(Explicit = true)]
    public void SavesUntilItIsKilled()
    {
        var loaded = tuned.Context.Model.Load(Environment.GetEnvironmentVariable(ModelVariable)!, out _);
        var model = loaded as MokaTransformer ?? (MokaTransformer)((IEnumerable<ITransformer>)loaded).Single();
        while (true)
            model.SaveAdapter(Environment.GetEnvironmentVariable(TargetVariable)!);
    }

    [Fact]
    public void AFolderThatIsMissingIsNamedWithTheOtherOptions()
    {
        var error = Assert.Throws<ArgumentException>(() => tuned.Context.MulticlassClassification.Trainers.Moka(
            new MokaTrainer.Options { InitialAdapterPath = "/no/such/adapter", BatchTokens = 0 }));

        Assert.Contains("InitialAdapterPath is '/no/such/adapter'", error.Message, StringComparison.Ordinal);
        Assert.Contains("BatchTokens", error.Message, StringComparison.Ordinal);
    }

    private MokaTransformer Other()
    {
        var options = tuned.FewSteps;
        options.Adapter = new LoraAdapter { Rank = 2, Alpha = 64 };
        return Fit(options);
    }

    private MokaTransformer Fit(MokaTrainer.Options options) => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;

    private IReadOnlyList<float[]> Scores(MokaTransformer model) => TunedModel.Scores(model.Transform(tuned.Train));

    private void AssertSameScores(MokaTransformer expected, MokaTransformer actual) => Assert.Equal(Scores(expected), Scores(actual));

    private static void AssertSameFiles(string expected, string actual)
    {
        foreach (var path in Directory.GetFiles(expected))
            Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(Path.Combine(actual, Path.GetFileName(path))));
    }
}
