using System.Text.Json;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>An adapter in its backbone is the model that it was beside it, whatever the form of the weights; and it can be taken out again.</summary>
public sealed class MergedFolderTests(TunedModel tuned) : IDisposable
{
    private const double Rounding = 2e-4;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Methods => [.. AdapterMethods.Names];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Methods))]
    public void MergedItScoresAsBesideTheBackbone(string method)
    {
        foreach (var quantization in (BackboneQuantization[])[BackboneQuantization.None, BackboneQuantization.NF4])
        {
            // LoftQ makes up for what quantization loses, and is refused where there is none.
            if (quantization == BackboneQuantization.None && AdapterMethods.Create(method).StartsFromOriginalWeights)
                continue;
            using var model = Fit(method, quantization);
            model.SaveMerged(_folder.File("merged"), new MergeOptions { KeepQuantizationErrors = true });

            using var merged = Untuned(_folder.File("merged"), BackboneQuantization.None);
            AssertClose(Scores(model), Scores(merged), Rounding);
            Assert.NotEqual(Scores(merged), Scores(Untuned(tuned.BackbonePath, quantization)));
        }
    }

    [Fact]
    public void ByDefaultTheAdapterIsAddedToTheWeightsOnDisk()
    {
        using var model = Fit("moka", BackboneQuantization.NF4);
        model.SaveAdapter(_folder.File("adapter"));
        model.SaveMerged(_folder.File("merged"));

        using var merged = Untuned(_folder.File("merged"), BackboneQuantization.None);
        using var beside = Untuned(tuned.BackbonePath, BackboneQuantization.None, _folder.File("adapter"));

        AssertClose(Scores(beside), Scores(merged), Rounding);
    }

    [Theory]
    [InlineData(BackboneQuantization.NF4, "nf4")]
    [InlineData(BackboneQuantization.FP4, "fp4")]
    public void QuantizedAgainItIsWhatLoadingWouldMakeOfTheFullPrecision(BackboneQuantization quantization, string type)
    {
        using var model = Fit("moka", BackboneQuantization.NF4);
        model.SaveMerged(_folder.File("full"));
        model.SaveMerged(_folder.File("quantized"), new MergeOptions { Quantization = quantization });

        using var full = Untuned(_folder.File("full"), quantization);
        using var quantized = Untuned(_folder.File("quantized"), BackboneQuantization.None);

        Assert.Equal(Scores(full), Scores(quantized));
        using var config = Json("quantized", "config.json");
        var form = config.RootElement.GetProperty("quantization_config");
        Assert.Equal("bitsandbytes", form.GetProperty("quant_method").GetString());
        Assert.Equal(type, form.GetProperty("bnb_4bit_quant_type").GetString());
        Assert.True(form.GetProperty("load_in_4bit").GetBoolean() && form.GetProperty("bnb_4bit_use_double_quant").GetBoolean());
        Assert.Equal("6.0", form.GetProperty("llm_int8_threshold").GetRawText());
        using var checkpoint = Open("quantized");
        Assert.Contains($"model.layers.1.mlp.up_proj.weight.quant_state.bitsandbytes__{type}", checkpoint.Names);
        Assert.Equal("F32", checkpoint["model.embed_tokens.weight"].Type);
    }

    [Fact]
    public void WhatWasTrainedOnCodesAndMergedIntoCodesIsCloseToWhatWasTrained()
    {
        using var model = Fit("moka", BackboneQuantization.NF4);
        model.SaveMerged(_folder.File("quantized"), new MergeOptions { Quantization = BackboneQuantization.NF4, KeepQuantizationErrors = true });

        using var quantized = Untuned(_folder.File("quantized"), BackboneQuantization.NF4);

        // Only the adapted maps are quantized anew; the others keep their codes.
        AssertClose(Scores(model), Scores(quantized), 0.25);
        using var untuned = Untuned(tuned.BackbonePath, BackboneQuantization.NF4);
        untuned.SaveMerged(_folder.File("untuned"), new MergeOptions { Quantization = BackboneQuantization.NF4, KeepQuantizationErrors = true });
        using var before = Open("untuned");
        using var after = Open("quantized");
        Assert.All(before.Names.Where(name => name.Contains("gate_proj", StringComparison.Ordinal)), name =>
            Assert.Equal(before[name].Data.ToArray(), after[name].Data.ToArray()));
    }

    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void TheBackbonesPrecisionAndAllOtherTensorsStay(string type)
    {
        var backbone = Narrow(type);
        using var model = Fit("lora", BackboneQuantization.NF4, backbone);
        model.SaveMerged(_folder.File("merged"));

        using var before = Checkpoint.Open(new FolderFiles(backbone));
        using var after = Open("merged");
        Assert.Equal(before.Names.Order(), after.Names.Order());
        foreach (var name in before.Names)
        {
            Assert.Equal(before[name].Type, after[name].Type);
            Assert.Equal(before[name].Shape, after[name].Shape);
            var isAdapted = name.Contains("q_proj", StringComparison.Ordinal) || name.Contains("down_proj", StringComparison.Ordinal);
            Assert.Equal(!isAdapted, before[name].Data.Span.SequenceEqual(after[name].Data.Span));
        }
        using var config = Json("merged", "config.json");
        Assert.Equal(type == "F16" ? "float16" : "bfloat16", config.RootElement.GetProperty("torch_dtype").GetString());
        Assert.Equal("kept", config.RootElement.GetProperty("_something_else").GetString());
        Assert.Equal(
            [.. Directory.GetFiles(backbone).Select(path => Path.GetFileName(path)).Order()],
            Directory.GetFiles(_folder.File("merged")).Select(path => Path.GetFileName(path)).Order());
        Assert.Equal(File.ReadAllBytes(Path.Combine(backbone, "tokenizer.json")), File.ReadAllBytes(Path.Combine(_folder.File("merged"), "tokenizer.json")));

        // A bfloat16 has 8 significant bits.
        model.SaveAdapter(_folder.File("adapter"));
        AssertClose(Scores(Untuned(backbone, BackboneQuantization.None, _folder.File("adapter"))),
            Scores(Untuned(_folder.File("merged"), BackboneQuantization.None)), 0.1);
    }

    [Fact]
    public void ShardsHoldTheSameTensorsAsOneFile()
    {
        using var model = Fit("moka", BackboneQuantization.NF4);
        model.SaveMerged(_folder.File("whole"));
        model.SaveMerged(_folder.File("sharded"), new MergeOptions { MaximumShardBytes = 30_000 });

        var files = Directory.GetFiles(_folder.File("sharded"), "*.safetensors").Order().ToList();
        Assert.True(files.Count > 2);
        Assert.Equal($"model-00001-of-{files.Count:00000}.safetensors", Path.GetFileName(files[0]));
        Assert.False(File.Exists(Path.Combine(_folder.File("sharded"), "model.safetensors")));
        using var whole = Open("whole");
        using var sharded = Open("sharded");
        Assert.Equal(whole.Names.Order(), sharded.Names.Order());
        Assert.All(whole.Names, name => Assert.Equal(whole[name].Data.ToArray(), sharded[name].Data.ToArray()));
        using var index = Json("sharded", "model.safetensors.index.json");
        Assert.Equal(whole.Names.Sum(name => whole[name].Data.Length), index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal(Scores(Untuned(_folder.File("whole"), BackboneQuantization.NF4)), Scores(Untuned(_folder.File("sharded"), BackboneQuantization.NF4)));
        // The smaller folder takes the place of the larger as a whole.
        model.SaveMerged(_folder.File("sharded"));
        Assert.Empty(Directory.GetFiles(_folder.File("sharded"), "*-of-*"));
        Assert.False(File.Exists(Path.Combine(_folder.File("sharded"), "model.safetensors.index.json")));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void UnmergedItIsTheBackboneAgain(string method)
    {
        using var model = Fit(method, BackboneQuantization.NF4);
        model.SaveAdapter(_folder.File("adapter"));
        model.SaveMerged(_folder.File("merged"));
        if (method == "dora")
        {
            Assert.Throws<InvalidOperationException>(() =>
                tuned.Context.Model.Unmerge(_folder.File("merged"), _folder.File("adapter"), _folder.File("original")));
            Assert.False(Path.Exists(_folder.File("original")) || Path.Exists(_folder.File(".original.tmp")));
            return;
        }

        tuned.Context.Model.Unmerge(_folder.File("merged"), _folder.File("adapter"), _folder.File("original"));

        using var before = Checkpoint.Open(new FolderFiles(tuned.BackbonePath));
        using var after = Open("original");
        Assert.Equal(before.Names.Order(), after.Names.Order());
        foreach (var name in before.Names)
        {
            var (expected, actual) = (before[name].ToFloats(), after[name].ToFloats());
            for (var i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], actual[i], 1e-6);
        }
        AssertClose(Scores(Untuned(tuned.BackbonePath, BackboneQuantization.NF4)), Scores(Untuned(_folder.File("original"), BackboneQuantization.NF4)), 1e-3);
    }

    [Fact]
    public void CodesCannotBeUnmerged()
    {
        using var model = Fit("moka", BackboneQuantization.NF4);
        model.SaveAdapter(_folder.File("adapter"));
        model.SaveMerged(_folder.File("merged"), new MergeOptions { Quantization = BackboneQuantization.NF4 });

        var error =
            Assert.Throws<InvalidDataException>(() => tuned.Context.Model.Unmerge(_folder.File("merged"), _folder.File("adapter"), _folder.File("original")));

        Assert.Contains("full precision", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ABackboneInCodesIsMergedIntoItsOwnPrecision()
    {
        using (var model = Fit("moka", BackboneQuantization.NF4, Narrow("BF16")))
            model.SaveMerged(_folder.File("codes"), new MergeOptions { Quantization = BackboneQuantization.NF4 });

        using var tunedOnCodes = Fit("lora", BackboneQuantization.NF4, _folder.File("codes"));
        tunedOnCodes.SaveMerged(_folder.File("merged"));

        using var merged = Open("merged");
        Assert.DoesNotContain(merged.Names, QuantizedWeight.IsCompanion);
        Assert.All(merged.Names.Where(name => name.Contains("proj", StringComparison.Ordinal)), name => Assert.Equal("BF16", merged[name].Type));
        using var config = Json("merged", "config.json");
        Assert.False(config.RootElement.TryGetProperty("quantization_config", out _));
        AssertClose(Scores(tunedOnCodes), Scores(Untuned(_folder.File("merged"), BackboneQuantization.None)), 0.1);
    }

    [Fact]
    public void ABackboneInsideAZipIsMergedToo()
    {
        var options = Options("moka", BackboneQuantization.NF4, tuned.BackbonePath);
        options.SaveBackbone = true;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
        tuned.Context.Model.Save(model, tuned.Train.Schema, _folder.File("model.zip"));
        var loaded = tuned.Context.Model.Load(_folder.File("model.zip"), out _);
        var inside = loaded as MokaTransformer ?? (MokaTransformer)((IEnumerable<ITransformer>)loaded).Single();

        inside.SaveMerged(_folder.File("merged"));

        AssertClose(Scores(model), Scores(Untuned(_folder.File("merged"), BackboneQuantization.None)), Rounding);
    }

    [Fact]
    public void AnAdapterThatWasNeverTrainedLeavesTheBackboneAsItIs()
    {
        foreach (var type in (string[])["F16", "BF16"])
        {
            using var model = Untuned(Narrow(type), BackboneQuantization.NF4);
            model.SaveMerged(_folder.File("merged"), new MergeOptions { MaximumShardBytes = 20_000 });

            Assert.Equal(model.Weights.Shared.Fingerprint, BackboneFingerprint.Compute(new FolderFiles(_folder.File("merged"))));
        }
    }

    [Fact]
    public void TheBackboneInsideThePackageBecomesAFolderToo()
    {
        var rows = tuned.Context.Data.LoadFromEnumerable(Row.Make(2));
        var options = tuned.FewSteps;
        options.NumberOfSteps = 0;
        options.BackbonePath = null;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
        model.SaveMerged(_folder.File("merged"), new MergeOptions { KeepQuantizationErrors = true });

        using var merged = Untuned(_folder.File("merged"), BackboneQuantization.None);

        AssertClose(TunedModel.Scores(model.Transform(rows)), TunedModel.Scores(merged.Transform(rows)), 0.02);
        Assert.Contains("tokenizer", string.Join(' ', Directory.GetFiles(_folder.File("merged"))), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatCannotBeMergedIsSaid()
    {
        var backbone = TinyBackbone.Write(_folder.File("backbone"), seed: 61);
        using var model = Fit("moka", BackboneQuantization.NF4, backbone);

        Assert.Contains(
            "Int8", Assert.Throws<ArgumentException>(() => model.SaveMerged(_folder.File("x"), new() { Quantization = BackboneQuantization.Int8 })).Message,
            StringComparison.Ordinal);
        Assert.Contains("MaximumShardBytes",
            Assert.Throws<ArgumentException>(() => model.SaveMerged(_folder.File("x"), new() { MaximumShardBytes = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains("read from", Assert.Throws<ArgumentException>(() => model.SaveMerged(backbone + "/")).Message, StringComparison.Ordinal);
        TinyBackbone.Write(backbone, seed: 62);
        Assert.Contains("changed", Assert.Throws<InvalidOperationException>(() => model.SaveMerged(_folder.File("x"))).Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(_folder.File("x")));
    }

    [Fact]
    public void ValuesThatAFormatDoesNotHoldLeaveTheEarlierFolder()
    {
        var backbone = Narrow("F16");
        using var model = Fit("lora", BackboneQuantization.None, backbone);
        model.SaveMerged(_folder.File("merged"));
        var before = Contents("merged");
        var tensors = PeftFolder.Lora(4, "q_proj")
            .Select(tensor => SafetensorsTensor.Of(tensor.Name, [.. tensor.ToFloats().Select(value => value * 1e4f)], [.. tensor.Shape]));
        PeftFolder.Write(_folder.File("large"), PeftFolder.Config("""{"peft_type":"LORA","r":4,"lora_alpha":4,"target_modules":["q_proj"]}"""), tensors);
        using var large = model.WithAdapter(_folder.File("large"));

        var error = Assert.Throws<InvalidDataException>(() => large.SaveMerged(_folder.File("merged")));

        Assert.Contains("q_proj.weight", error.Message, StringComparison.Ordinal);
        Assert.Contains("65504", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Contents("merged"));
        Assert.False(Path.Exists(_folder.File(".merged.tmp")));
    }

    private MokaTrainer.Options Options(string method, BackboneQuantization quantization, string backbone)
    {
        var options = tuned.FewSteps;
        options.NumberOfSteps = 4;
        options.Adapter = AdapterMethods.Create(method);
        options.Adapter.TargetModules = ["q_proj", "down_proj"];
        options.Quantization = quantization;
        options.BackbonePath = backbone;
        return options;
    }

    private MokaTransformer Fit(string method, BackboneQuantization quantization, string? backbone = null) =>
        tuned.Pipeline(tuned.Context, Options(method, quantization, backbone ?? tuned.BackbonePath)).Fit(tuned.Train).LastTransformer;

    private MokaTransformer Untuned(string backbone, BackboneQuantization quantization, string? adapter = null)
    {
        var options = tuned.FewSteps;
        options.NumberOfSteps = 0;
        options.BackbonePath = backbone;
        options.Quantization = quantization;
        options.InitialAdapterPath = adapter;
        return tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
    }

    /// <summary>The tests' backbone in 16 bits.</summary>
    private string Narrow(string type)
    {
        var folder = TinyBackbone.Write(_folder.File(type));
        SafetensorsTensor[] tensors;
        using (var checkpoint = Checkpoint.Open(new FolderFiles(folder)))
            tensors = [.. checkpoint.Names.Select(name => (SafetensorsTensor)checkpoint[name])
                .Select(tensor => type == "F16" ? PeftFolder.AsHalf(tensor) : PeftFolder.AsBFloat16(tensor))];
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors);
        var config = PeftFolder.Config(File.ReadAllText(Path.Combine(folder, "config.json")));
        config["_something_else"] = "kept";
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        return folder;
    }

    private Checkpoint Open(string name) => Checkpoint.Open(new FolderFiles(_folder.File(name)));

    private JsonDocument Json(string folder, string name) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder.File(folder), name)));

    private Dictionary<string, string> Contents(string folder) =>
        Directory.GetFiles(_folder.File(folder)).ToDictionary(path => Path.GetFileName(path), path => Convert.ToBase64String(File.ReadAllBytes(path)));

    private IReadOnlyList<float[]> Scores(MokaTransformer model) =>
        TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(Row.Make(30, seed: 9))));

    private static void AssertClose(IReadOnlyList<float[]> expected, IReadOnlyList<float[]> actual, double tolerance)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
            Assert.Equal(expected[i][0], actual[i][0], tolerance);
    }
}
