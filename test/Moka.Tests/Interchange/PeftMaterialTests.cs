using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>Folders that PEFT itself wrote, with the logits that it computes.</summary>
[Trait("Category", "Material")]
public sealed class PeftMaterialTests : IDisposable
{
    private const string Backbone = "vectors/llama/llama3-gqa";

    private readonly CpuBackend _backend = new(threads: 2);
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Adapters => [.. Material.Folders("peft").Where(name => name != "refused")];

    public static TheoryData<string> Refused => [.. Material.Folders("peft/refused")];

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Adapters))]
    public void It_scores_as_PEFT_does_also_merged_and_written_again(string name)
    {
        var folder = Material.Require($"peft/{name}");
        using var backbone = LlamaBackbone.Load(_backend, Files, new QuantizationOptions(BackboneQuantization.None));
        using var adapters = Open(folder, backbone.Config).Load(_backend);
        AssertExpected(folder, backbone, adapters);

        // Written again, with PEFT's names and shapes.
        var again = _folder.File("again");
        Save(again, backbone.Config, adapters);
        AssertSameTensors(folder, again);
        using var read = Open(again, backbone.Config).Load(_backend);
        AssertExpected(folder, backbone, read);

        MergedFolder.WriteOf(new BackboneSource(Files, BackboneKind.Folder), folder, _folder.File("merged"), new MergeOptions());
        using var merged = LlamaBackbone.Load(_backend, new FolderFiles(_folder.File("merged")), new QuantizationOptions(BackboneQuantization.None));
        AssertExpected(folder, merged, null);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Adapters))]
    public void Training_goes_on_with_every_part_of_it(string name)
    {
        var folder = Material.Require($"peft/{name}");
        using var backbone = LlamaBackbone.Load(_backend, Files, new QuantizationOptions(BackboneQuantization.None));
        using var adapters = Open(folder, backbone.Config).Load(_backend);
        var model = new TrainedModel(backbone, adapters);
        // Every trained token is in the text.
        int[] ids = [.. Enumerable.Range(0, backbone.Config.VocabularySize)];
        var examples = new[] { new TrainingExample(ids, 1) };
        var before = model.SumOfLosses(examples);

        model.AccumulateGradients(examples, 1f / ids.Length, new ForwardOptions());

        foreach (var parameter in model.Parameters)
            AssertGradient(model, examples, parameter, ids.Length, adapters.Options is DoraAdapter);
        foreach (var parameter in model.Parameters)
        {
            using var first = _backend.Zeros(TensorKind.Parameter, parameter.Value.Rows, parameter.Value.Columns);
            using var second = _backend.Zeros(TensorKind.Parameter, parameter.Value.Rows, parameter.Value.Columns);
            _backend.AdamW(parameter.Value, parameter.Gradient, first, second, new AdamWStep(1e-3f, 0.9f, 0.999f, 1e-8f, 0, 1, 1));
            parameter.Changed();
        }
        Assert.True(model.SumOfLosses(examples) < before);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Refused))]
    public void Methods_that_are_not_there_are_refused_by_name(string name)
    {
        var folder = Material.Require($"peft/refused/{name}");
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, AdapterConfigFile.Name)));

        var error = Assert.Throws<InvalidDataException>(() => Open(folder, LlamaConfigFile.Read(Files)));

        Assert.Contains(json.RootElement.GetProperty("peft_type").GetString()!, error.Message, StringComparison.Ordinal);
    }

    private static FolderFiles Files => new(Material.Require(Backbone));

    private static StoredAdapter Open(string folder, LlamaConfig config) => StoredAdapter.Open(folder, config.LinearMaps, config.Shape);

    private void Save(string folder, LlamaConfig config, AdapterSet adapters)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, AdapterConfigFile.Name), AdapterConfigFile.Write(adapters.Options, [.. config.LinearMaps], null));
        SafetensorsWriter.Write(Path.Combine(folder, StoredAdapter.WeightsName), AdapterTensors.From(_backend, adapters));
    }

    private void AssertExpected(string folder, LlamaBackbone backbone, AdapterSet? adapters)
    {
        using var file = SafetensorsFile.Open(Path.Combine(folder, "expected.safetensors"));
        int[] ids = [.. MemoryMarshal.Cast<byte, long>(file["ids"].Data.Span).ToArray().Select(id => (int)id)];
        var width = file["ids"].Shape[1];
        var expected = file["logits"].ToFloats();
        var actual = TinyLlama.Logits(backbone, RaggedBatch.Of([.. ids.Chunk(width)]), adapters);
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-5 * scale);
    }

    private static void AssertSameTensors(string expectedFolder, string actualFolder)
    {
        using var expected = SafetensorsFile.Open(Path.Combine(expectedFolder, StoredAdapter.WeightsName));
        using var actual = SafetensorsFile.Open(Path.Combine(actualFolder, StoredAdapter.WeightsName));
        Assert.Equal(expected.Names.Order(StringComparer.Ordinal), actual.Names.Order(StringComparer.Ordinal));
        foreach (var name in expected.Names)
        {
            Assert.Equal(expected[name].Shape, actual[name].Shape);
            Assert.Equal(expected[name].ToFloats(), actual[name].ToFloats());
        }
    }

    /// <summary>The gradient against the slope of the loss in its own direction.</summary>
    private void AssertGradient(TrainedModel model, TrainingExample[] examples, Parameter parameter, int count, bool hasMagnitudes)
    {
        var (values, gradient) = (TinyLlama.Download(_backend, parameter.Value), TinyLlama.Download(_backend, parameter.Gradient));
        var length = Math.Sqrt(gradient.Sum(g => (double)g * g));
        Assert.True(length > 0, $"{parameter.Name} has no gradient.");
        // DoRA's lengths count as constants for the gradient, so that it is no slope.
        if (hasMagnitudes)
            return;
        var step = 2e-3 / (length * length);
        var slope = (4 * Slope(step / 2) - Slope(step)) / 3;
        parameter.Overwrite(_backend, values);
        Assert.Equal(length * length, slope, 0.01 * length * length);

        double Slope(double distance) => (Loss(distance) - Loss(-distance)) / (2 * distance);

        double Loss(double distance)
        {
            parameter.Overwrite(_backend, [.. values.Zip(gradient, (v, g) => (float)(v + distance * g))]);
            return model.SumOfLosses(examples) / count;
        }
    }
}
