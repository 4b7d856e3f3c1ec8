using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tests.Tensors;

namespace Microsoft.ML.Moka.Tests.Adapters;

/// <summary>One adapted map, computed in double precision by an independent program.</summary>
[Trait("Category", "Material")]
public sealed class AdapterVectorTests
{
    private static readonly MapShape Map = new("map", 24, 32, 0);

    [Theory]
    [InlineData("moka")]
    [InlineData("moka_s")]
    [InlineData("lora")]
    public void The_reference_path_is_exact(string method)
    {
        using var backend = new ReferenceBackend();
        AssertExpected(backend, method, 1e-6);
    }

    [Theory]
    [InlineData("moka")]
    [InlineData("moka_s")]
    [InlineData("lora")]
    public void The_CPU_agrees_within_float_precision(string method)
    {
        using var backend = new CpuBackend(threads: 2);
        AssertExpected(backend, method, 1e-5);
    }

    private static void AssertExpected(Backend backend, string method, double tolerance)
    {
        var expected = SafetensorsFile.Map(Material.Require("vectors/adapters/linear.safetensors"));
        foreach (var twoPaths in (bool[])[false, true])
        {
            using var adapters = Load(backend, expected, method);
            var adapter = adapters.Adapters[0];
            var w0 = expected["W0"];
            using var weight = backend.Upload(w0.ToMatrix());
            using var tape = new Tape(backend, recording: true);
            var x = tape.Own(Upload(expected["x"]), requiresGradient: true);

            var y = adapter.Forward(tape, x, weight, new AdapterPass(adapters, twoPaths, null));
            AssertClose(expected[$"{method}.y"].ToFloats(), Download(y.Value), "y");
            y.AddGradient(Upload(expected["dy"]));
            tape.Backward();

            var gradients = AdapterTensors.GradientsOf(backend, adapters).ToDictionary(tensor => FileName(tensor.Name[(tensor.Name.IndexOf("map.", StringComparison.Ordinal) + 4)..]));
            Assert.Equal(
                expected.Names.Where(name => name.StartsWith($"{method}.grad.", StringComparison.Ordinal)).Select(name => name[$"{method}.grad.".Length..]).Order(),
                gradients.Keys.Order());
            foreach (var (name, gradient) in gradients)
                AssertClose(expected[$"{method}.grad.{name}"].ToFloats(), gradient.ToFloats(), name);

            using var merged = adapter.Merge(weight);
            AssertClose(expected[$"{method}.delta_weight"].ToFloats().Zip(w0.ToFloats(), (d, w) => d + w), Download(merged), "merged weight");
        }

        Tensor Upload(SafetensorsTensor tensor) => backend.Upload(TensorKind.Activation, tensor.ToFloats(), tensor.Shape[0], tensor.Shape[1]);

        float[] Download(Tensor tensor)
        {
            var values = new float[tensor.Length];
            backend.Download(tensor, values);
            return values;
        }

        void AssertClose(IEnumerable<float> expectedValues, float[] actual, string what)
        {
            float[] values = [.. expectedValues];
            Assert.Equal(values.Length, actual.Length);
            var scale = Math.Max(1, values.Max(Math.Abs));
            for (var i = 0; i < values.Length; i++)
                Assert.True(Math.Abs(values[i] - actual[i]) <= tolerance * scale, $"{what}[{i}] is {actual[i]:g9}, and {values[i]:g9} is expected.");
        }
    }

    /// <summary>The vectors' parameters, put into a file as we store them and loaded from there.</summary>
    private static AdapterSet Load(Backend backend, SafetensorsFile expected, string method)
    {
        var prefix = $"{method}.param.";
        var parameters = expected.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => expected[name]).ToList();
        AdapterOptions options = method switch
        {
            "moka" => new MokaAdapter { FilterShapes = [.. Factors("A.").Select(tensor => new FactorShape(tensor.Shape[0], tensor.Shape[1]))] },
            "moka_s" => new MokaSAdapter { IdentitySizes = [.. Factors("B.").Select(tensor => Map.Rows / tensor.Shape[0])] },
            _ => new LoraAdapter { Rank = 4, Alpha = 8 },
        };
        options.TargetModules = [Map.Name];
        var stored = parameters.Select(tensor => tensor with { Name = AdapterTensors.NameOf(Map, StoredName(method, tensor.Name[prefix.Length..])) });
        return AdapterTensors.Load(backend, options, [Map], SafetensorsFile.Read("vectors", SafetensorsWriter.ToBytes(stored)));

        IEnumerable<SafetensorsTensor> Factors(string start) =>
            parameters.Where(tensor => tensor.Name.StartsWith(prefix + start, StringComparison.Ordinal)).OrderBy(tensor => tensor.Name, StringComparer.Ordinal);
    }

    private static string StoredName(string method, string name) => method == "lora" ? $"lora_{name}.weight" : $"moka_{name}";

    private static string FileName(string stored) => stored.Replace("lora_", "", StringComparison.Ordinal).Replace("moka_", "", StringComparison.Ordinal).Replace(".weight", "", StringComparison.Ordinal);
}
