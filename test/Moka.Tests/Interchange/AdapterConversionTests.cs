using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>An adapter that is written as another method is the same update.</summary>
public sealed class AdapterConversionTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<AdapterOptions, int> SingleProducts => new()
    {
        { new KronaAdapter { Scale = 0.7f, Shape = new FactorShape(4, 4), TargetModules = ["q_proj", "v_proj", "down_proj"] }, 4 },
        { new KronaAdapter { Scale = 3 }, -1 },
        { new KronaAdapter { Shape = new FactorShape(8, 2) }, -1 },
        { new CdkaAdapter { Filters = 1, R1 = 4, R2 = 2, Alpha = 5, TargetModules = ["up_proj"], Layers = [1], Dropout = 0.25f }, -1 },
        { new CdkaAdapter { Filters = 1, R1 = 8, R2 = 4, TargetModules = ["self_attn.q_proj"] }, -1 },
        { new MokaAdapter { Filters = 1 }, -1 },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(SingleProducts))]
    public void ASingleProductIsLokrBitForBit(AdapterOptions adapter, int decomposeFactor)
    {
        using var model = Fit(adapter);

        model.SaveAdapter(_folder.Path, AdapterFileFormat.Lokr);

        var config = PeftFolder.Config(File.ReadAllText(_folder.File("adapter_config.json")));
        Assert.Equal("LOKR", (string?)config["peft_type"]);
        // -1 is PEFT's choice of shapes, or stands for shapes that PEFT itself cannot say.
        Assert.Equal(decomposeFactor, (int?)config["decompose_factor"]);
        using (var file = SafetensorsFile.Open(_folder.File("adapter_model.safetensors")))
            Assert.All(file.Names, name => Assert.Matches(@"^base_model\.model\.model\.layers\.\d\..*_proj\.lokr_w[12]$", name));
        using var read = tuned.Model.WithAdapter(_folder.Path);
        Assert.IsType<LokrAdapter>(read.Weights.Adapters.Options);
        Assert.Equal(Scores(model), Scores(read));
        Assert.Equal(model.TrainableParameterCount - (adapter is MokaAdapter ? 8 : 0), read.TrainableParameterCount);
        // And LoKr stays LoKr.
        read.SaveAdapter(_folder.File("again"), AdapterFileFormat.Lokr);
        Assert.Equal(
            File.ReadAllBytes(_folder.File("adapter_model.safetensors")), File.ReadAllBytes(Path.Combine(_folder.File("again"), "adapter_model.safetensors")));
    }

    [Theory]
    [InlineData(2, 2, 2)]
    [InlineData(1, 2, 8)]
    [InlineData(4, 1, 1)]
    public void CdkaIsLoraOfTheRankOfItsProducts(int filters, int r1, int r2)
    {
        using var model = Fit(new CdkaAdapter { Filters = filters, R1 = r1, R2 = r2, Alpha = 3 });

        model.SaveAdapter(_folder.Path, AdapterFileFormat.Lora);

        Assert.Equal(filters * r1 * r2, (int?)PeftFolder.Config(File.ReadAllText(_folder.File("adapter_config.json")))["r"]);
        using var read = tuned.Model.WithAdapter(_folder.Path);
        Assert.IsType<LoraAdapter>(read.Weights.Adapters.Options);
        foreach (var (expected, actual) in Scores(model).Zip(Scores(read)))
            Assert.Equal(expected[0], actual[0], 1e-4);
        using var untuned = Fit(new LoraAdapter(), steps: 0);
        Assert.NotEqual(Scores(untuned), Scores(read));
    }

    public static TheoryData<AdapterOptions, AdapterFileFormat, string> Refused => new()
    {
        { new MokaAdapter(), AdapterFileFormat.Lokr, "has 5 products" },
        { new CdkaAdapter { Filters = 2 }, AdapterFileFormat.Lokr, "has 2 products" },
        { new MokaSAdapter { Filters = 1 }, AdapterFileFormat.Lokr, "not made of two plain factors" },
        { new DoraAdapter { Rank = 1 }, AdapterFileFormat.Lokr, "has a magnitude" },
        { new MokaAdapter(), AdapterFileFormat.Lora, "with gates" },
        { new CdkaAdapter { Filters = 8 }, AdapterFileFormat.Lora, "above that of the map" },
        { new KronaAdapter { TargetModules = ["q_proj", "up_proj"] }, AdapterFileFormat.Lora, "rank" },
        { new KronaAdapter(), AdapterFileFormat.Cdka, "is of another method, KRONA" },
        { new LoraAdapter(), AdapterFileFormat.Cdka, "is of another method, LORA" },
        { new LoraAdapter { Rank = 1 }, AdapterFileFormat.Lokr, "not made of two plain factors" },
        { new FullFineTuning { TargetModules = ["q_proj"] }, AdapterFileFormat.Lokr, "not made of two plain factors" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void WhatIsNoUpdateOfThatMethodIsRefusedInWords(AdapterOptions adapter, AdapterFileFormat format, string why)
    {
        using var model = Fit(adapter);

        var error = Assert.Throws<InvalidOperationException>(() => model.SaveAdapter(_folder.File("adapter"), format));

        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.Contains("model.layers.0", error.Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(_folder.File("adapter")));
    }

    private MokaTransformer Fit(AdapterOptions adapter, int steps = 2)
    {
        var options = tuned.FewSteps;
        options.NumberOfSteps = steps;
        options.Adapter = adapter;
        return tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
    }

    private IReadOnlyList<float[]> Scores(MokaTransformer model) =>
        TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(Row.Make(20, seed: 3))));
}
