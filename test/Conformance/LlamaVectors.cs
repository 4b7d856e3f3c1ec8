using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>
/// Small LLaMAs and other architectures of the family whose logits, losses, gradients and greedy texts an independent program computed in double precision;
/// each config that a folder holds, in the newer or the older form, gives the same.
/// </summary>
[Trait("Category", "Material")]
public abstract class LlamaVectors<TBackends> : Conformance<TBackends>, IDisposable
    where TBackends : BackendCases, new()
{
    private Backend _backend = null!;
    private double _precision;

    private const string Reference = "reference";

    private static IEnumerable<string> Models =>
        from folder in (string[])["vectors/llama", "architectures"] from model in Material.Folders(folder) select $"{folder}/{model}";

    public static TheoryData<string, string, string> Cases =>
    [
        .. from tested in Backends.Select(tested => tested.Name).Append(Reference)
           from model in Models
           from config in Directory.GetFiles(Material.Require(model), "config*.json")
           select (tested, model, Path.GetFileName(config)),
    ];

    /// <summary>Those that have greedy tokens, in a type fine enough: in a coarser one nearly equal logits decide otherwise.</summary>
    public static TheoryData<string, string, string> GreedyCases =>
    [
        .. from row in Cases.Select(row => row.Data)
           where row.Item1 == Reference || !IsCoarse(Find(row.Item1).Precision)
           where HasGreedyTokens(row.Item2)
           select row,
    ];

    public void Dispose()
    {
        _backend?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void The_backbone_has_the_expected_logits_and_loss(string backend, string model, string config)
    {
        Use(backend);
        var expected = Expected(model);
        using var backbone = Load(model, config);

        AssertRelative(expected["logits"].ToFloats(), TinyLlama.Logits(backbone, RaggedBatch.Of(Sequences(expected))), Bound(1e-4, 8));
        using var tape = new Tape(_backend, recording: false);
        AssertLoss(expected["loss"].ToFloats()[0], Loss(tape, backbone, expected, null, null));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void A_mixture_on_all_maps_has_the_expected_logits_loss_and_gradients(string backend, string model, string config)
    {
        Use(backend);
        var expected = Expected(model);
        using var backbone = Load(model, config);
        foreach (var options in (ForwardOptions[])[new(), new() { TwoPaths = true }, new() { Recompute = true }])
        {
            using var adapters = CreateAdapters(backbone, expected);
            AssertRelative(
                expected["moka.logits"].ToFloats(), TinyLlama.Logits(backbone, RaggedBatch.Of(Sequences(expected)), adapters, options), Bound(1e-4, 8));

            using var tape = new Tape(_backend, recording: true);
            AssertLoss(expected["moka.loss"].ToFloats()[0], Loss(tape, backbone, expected, adapters, options));
            tape.Backward();

            var compared = 0;
            var (expectedGradient, gradient) = (new List<float>(), new List<float>());
            foreach (var adapter in adapters.Adapters)
            {
                // A gate's gradient is a difference of sums that are nearly equal.
                AssertGradient(adapter.Gates!, "gate", 512);
                foreach (var (rule, stack, _, parameter) in adapter.StoredFactors)
                    AssertGradient(parameter!, $"{rule.Name["moka_".Length..]}.{stack.First}", 16);

                void AssertGradient(Parameter parameter, string name, double roundings)
                {
                    var known = expected[$"moka.grad.{adapter.Plan.Map.Name}.{name}"].ToFloats();
                    var computed = TinyLlama.Download(_backend, parameter.Gradient);
                    // In a coarser type a small gradient is made of rounding: there the whole of them counts.
                    if (!IsCoarse(_precision))
                        AssertRelative(known, computed, Bound(1e-3, roundings), parameter.Name);
                    expectedGradient.AddRange(known);
                    gradient.AddRange(computed);
                    compared++;
                }
            }
            AssertRelative([.. expectedGradient], [.. gradient], Bound(1e-3, 16), "gradient");
            Assert.Equal(expected.Names.Count(name => name.StartsWith("moka.grad.", StringComparison.Ordinal)), compared);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(GreedyCases))]
    public void Greedy_generation_through_the_cache_has_the_expected_tokens(string backend, string model, string config)
    {
        Use(backend);
        var expected = Expected(model);
        using var backbone = Load(model, config);
        var prompt = Sequences(expected)[0];
        int[] ids = [.. MemoryMarshal.Cast<byte, long>(expected["greedy.ids"].Data.Span).ToArray().Select(id => (int)id)];
        Assert.Equal(prompt, ids[..prompt.Length]);

        var options = new GenerationOptions { MaxNewTokens = ids.Length - prompt.Length, StopTokens = [] };
        Assert.Equal(ids[prompt.Length..], new Generator(backbone).Generate([prompt], options)[0]);
    }

    private void Use(string backend)
    {
        if (backend == Reference)
        {
            (_backend, _precision) = (new ReferenceBackend(), 0);
            return;
        }
        var tested = Find(backend);
        (_backend, _precision) = (tested.Create(), tested.Precision);
    }

    private void AssertLoss(float expected, float actual) =>
        Assert.Equal(expected, actual, IsCoarse(_precision) ? _precision * Math.Max(4, expected) : Math.Max(1e-5, 16 * _precision));

    private static bool IsCoarse(double precision) => precision > 1e-5;

    private static bool HasGreedyTokens(string model)
    {
        using var expected = Expected(model);
        return expected.Contains("greedy.ids");
    }

    /// <summary>What float32 reaches, or so many roundings of a coarser type.</summary>
    private double Bound(double single, double roundings) => Math.Max(single, roundings * _precision);

    private static SafetensorsFile Expected(string model) => SafetensorsFile.Open(Material.Require($"{model}/expected.safetensors"));

    private LlamaBackbone Load(string model, string config) => LlamaBackbone.Load(
        _backend, new WithConfig(Material.Require(model), config), new QuantizationOptions(BackboneQuantization.None));

    private AdapterSet CreateAdapters(LlamaBackbone backbone, SafetensorsFile expected)
    {
        var options = new ExpectedMixture(expected) { TargetModules = ["*"] };
        return AdapterSet.Create(_backend, options, backbone.Config.LinearMaps, new ExpectedValues(expected));
    }

    private static int[][] Sequences(SafetensorsFile expected) => Rows(expected["ids"]);

    private static int[][] Rows(SafetensorsTensor tensor)
    {
        var values = MemoryMarshal.Cast<byte, long>(tensor.Data.Span).ToArray();
        return [.. values.Select(value => (int)value).Chunk(tensor.Shape[1])];
    }

    /// <summary>The mean loss over the tokens that the mask names as targets, its gradient seeded where the tape records.</summary>
    private float Loss(Tape tape, LlamaBackbone backbone, SafetensorsFile expected, AdapterSet? adapters, ForwardOptions? options)
    {
        var sequences = Sequences(expected);
        var masks = Rows(expected["loss_mask"]);
        var hidden = backbone.Forward(tape, RaggedBatch.Of(sequences), adapters, options);
        var rows = new List<int>();
        var targets = new List<int>();
        for (var sequence = 0; sequence < sequences.Length; sequence++)
        {
            for (var token = 1; token < sequences[sequence].Length; token++)
            {
                if (masks[sequence][token] == 0)
                    continue;
                rows.Add(sequence * sequences[sequence].Length + token - 1);
                targets.Add(sequences[sequence][token]);
            }
        }
        var weights = new float[rows.Count];
        Array.Fill(weights, 1f / rows.Count);
        var rowNumbers = tape.Own(_backend.Upload([.. rows])).Value;
        using var targetIds = _backend.Upload([.. targets]);
        using var rowWeights = _backend.Upload(TensorKind.Parameter, weights, weights.Length);
        using var losses = backbone.TokenLosses(tape, tape.GatherRows(hidden, rowNumbers), targetIds, rowWeights);
        return TinyLlama.Download(_backend, losses).Average();
    }

    private static void AssertRelative(float[] expected, float[] actual, double tolerance, string what = "result")
    {
        Assert.Equal(expected.Length, actual.Length);
        var error = Math.Sqrt(expected.Zip(actual, (e, a) => Math.Pow(e - a, 2)).Sum());
        var norm = Math.Sqrt(expected.Sum(e => (double)e * e));
        Assert.True(error <= tolerance * norm, $"The relative error of the {what} is {error / norm:e2}, and {tolerance:e0} is allowed.");
    }
}
