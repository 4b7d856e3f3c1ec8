using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>One adapted map, computed in double precision by an independent program.</summary>
[Trait("Category", "Material")]
public abstract class AdapterVectors<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    private static readonly MapShape Map = new("map", 24, 32, 0);

    private static readonly Dictionary<string, string> StoredNames = new()
    {
        ["moka"] = "moka_{0}", ["moka_s"] = "moka_{0}", ["cdka"] = "cdka_{0}", ["krona"] = "krona_{0}", ["lora"] = "lora_{0}.weight",
        ["dora"] = "lora_{0}.weight",
    };

    public static TheoryData<string> Methods => [.. StoredNames.Keys];

    public static TheoryData<string, string> Cases => [.. from tested in Backends from method in StoredNames.Keys select (tested.Name, method)];

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_reference_path_is_exact(string method)
    {
        using var backend = new ReferenceBackend();
        AssertExpected(backend, method, 1e-6);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Backends_agree_within_their_precision(string name, string method)
    {
        var tested = Find(name);
        using var backend = tested.Create();
        AssertExpected(backend, method, Math.Max(1e-5, 4 * tested.Precision));
    }

    private static void AssertExpected(Backend backend, string method, double tolerance)
    {
        var expected = SafetensorsFile.Open(Material.Require("vectors/adapters/linear.safetensors"));
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

            var gradients = AdapterTensors.GradientsOf(backend, adapters).ToDictionary(tensor => tensor.Name);
            var expectedGradients = NamesAfter(expected, $"{method}.grad.")
                .ToDictionary(name => StoredName(method, name), name => expected[$"{method}.grad.{name}"]);
            Assert.Equal(expectedGradients.Keys.Order(), gradients.Keys.Order());
            foreach (var (name, gradient) in gradients)
                AssertClose(expectedGradients[name].ToFloats(), gradient.ToFloats(), name);

            using var merged = adapter.Merge(weight);
            var expectedWeight = expected.Names.Contains($"{method}.weight")
                ? expected[$"{method}.weight"].ToFloats()
                : expected[$"{method}.delta_weight"].ToFloats().Zip(w0.ToFloats(), (d, w) => d + w);
            AssertClose(expectedWeight, Download(merged), "merged weight");
            using var mergedWeight = backend.AsWeight(merged);
            using var unmerged = adapter.Unmerge(mergedWeight);
            // Rows are scaled in single precision.
            AssertClose(w0.ToFloats(), Download(unmerged), "unmerged weight", 1e-5);
        }

        Tensor Upload(SafetensorsTensor tensor) => backend.Upload(TensorKind.Activation, tensor.ToFloats(), tensor.Shape[0], tensor.Shape[1]);

        float[] Download(Tensor tensor)
        {
            var values = new float[tensor.Length];
            backend.Download(tensor, values);
            return values;
        }

        void AssertClose(IEnumerable<float> expectedValues, float[] actual, string what, double within = 0)
        {
            float[] values = [.. expectedValues];
            Assert.Equal(values.Length, actual.Length);
            var scale = Math.Max(1, values.Max(Math.Abs));
            for (var i = 0; i < values.Length; i++)
                Assert.True(
                    Math.Abs(values[i] - actual[i]) <= Math.Max(tolerance, within) * scale, $"{what}[{i}] is {actual[i]:g9}, and {values[i]:g9} is expected.");
        }
    }

    /// <summary>The vectors' parameters, put into a file as we store them and loaded from there.</summary>
    private static AdapterSet Load(Backend backend, SafetensorsFile expected, string method)
    {
        var parameters = NamesAfter(expected, $"{method}.param.").ToDictionary(name => name, name => expected[$"{method}.param.{name}"]);
        AdapterOptions options = method switch
        {
            "moka" => new MokaAdapter { FilterShapes = [.. Factors("A.").Select(tensor => new FactorShape(tensor.Shape[0], tensor.Shape[1]))] },
            "moka_s" => new MokaSAdapter { IdentitySizes = [.. Factors("B.").Select(tensor => Map.Rows / tensor.Shape[0])] },
            "cdka" => new CdkaAdapter { R1 = 2, R2 = 4, Filters = 3, Alpha = 16 },
            "krona" => new KronaAdapter { Shape = new FactorShape(parameters["w1"].Shape[0], parameters["w1"].Shape[1]), Scale = 2 },
            "dora" => new DoraAdapter { Rank = 4, Alpha = 8 },
            _ => new LoraAdapter { Rank = 4, Alpha = 8 },
        };
        options.TargetModules = [Map.Name];
        var stored = parameters.Select(pair => pair.Value with { Name = StoredName(method, pair.Key) });
        return AdapterTensors.Load(backend, options, [Map], SafetensorsFile.Read("vectors", SafetensorsWriter.ToBytes(stored)));

        IEnumerable<SafetensorsTensor> Factors(string start) =>
            parameters.Where(pair => pair.Key.StartsWith(start, StringComparison.Ordinal)).OrderBy(pair => pair.Key, StringComparer.Ordinal)
                .Select(pair => pair.Value);
    }

    private static IEnumerable<string> NamesAfter(SafetensorsFile file, string prefix) =>
        file.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..]);

    /// <summary>What our files call a tensor of the vectors.</summary>
    private static string StoredName(string method, string name)
    {
        if (name == "magnitude")
            return AdapterTensors.NameOf(Map, "lora_magnitude_vector");
        var factor = name switch { "w1" => "A", "w2" => "B", _ => name };
        return AdapterTensors.NameOf(Map, string.Format(CultureInfo.InvariantCulture, StoredNames[method], factor));
    }
}
