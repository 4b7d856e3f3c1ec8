using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

public sealed class OptimizerTests : IDisposable
{
    private readonly CpuBackend _backend = new(threads: 1);

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void The_norm_is_over_all_parameters_and_clipping_scales_all_by_it()
    {
        using var one = Parameter("one", [1, 1], decays: true);
        using var other = Parameter("other", [1], decays: true);
        using var optimizer = new Optimizer(_backend, [one, other], TinyRun.Plan with { MaximumGradientNorm = 1, Beta1 = 0 });
        SetGradients(one, 3, 0);
        SetGradients(other, 4);
        Assert.Equal(5, optimizer.GradientNorm(), 1e-12);
        optimizer.Update(1e-3f, 5);
        // The first moments are the gradients, as β₁ is 0.
        Assert.Equal([0.6f, 0, 0.8f], optimizer.Moments.SelectMany(m => TinyLlama.Download(_backend, m.First)), Near);
        Assert.Equal(0, optimizer.GradientNorm());
        SetGradients(one, 0.3f, 0);
        optimizer.Update(1e-3f, 0.3);
        Assert.Equal([0.3f, 0, 0], optimizer.Moments.SelectMany(m => TinyLlama.Download(_backend, m.First)), Near);
    }

    [Fact]
    public void Decay_is_decoupled_and_spares_gates_and_norms()
    {
        using var matrix = Parameter("matrix", [2], decays: true);
        using var gate = Parameter("gate", [2], decays: false);
        using var optimizer = new Optimizer(_backend, [matrix, gate], TinyRun.Plan with { WeightDecay = 0.1f });
        optimizer.Update(0.5f, 0);
        Assert.Equal(2 - 0.5f * 0.1f * 2, TinyLlama.Download(_backend, matrix.Value)[0], 1e-6f);
        Assert.Equal(2, TinyLlama.Download(_backend, gate.Value)[0]);
    }

    [Fact]
    public void LoRA_plus_lets_B_learn_so_many_times_faster()
    {
        using var lora = AdapterSet.Create(_backend, new LoraAdapter { Rank = 2 }, TinyLlama.Config.LinearMaps, seed: 1);
        using var plus = AdapterSet.Create(_backend, AdapterMethods.Create("loraplus"), TinyLlama.Config.LinearMaps, seed: 1);
        Assert.All(lora.Parameters, p => Assert.Equal(1, p.RateFactor));
        Assert.All(plus.Parameters, p => Assert.Equal(p.Name.Contains("lora_B", StringComparison.Ordinal) ? 16 : 1, p.RateFactor));
        Assert.Contains(plus.Parameters, p => p.RateFactor == 16);
        using var a = Parameter("a", [2], decays: true);
        using var b = new Parameter(_backend, "b", [2], 1) { RateFactor = 16 };
        using var optimizer = new Optimizer(_backend, [a, b], TinyRun.Plan with { WeightDecay = 0 });
        SetGradients(a, 1);
        SetGradients(b, 1);
        optimizer.Update(0.01f, 1);
        // AdamW's first step is the rate, whatever the gradient.
        Assert.Equal(2 - 0.01f, TinyLlama.Download(_backend, a.Value)[0], 1e-5f);
        Assert.Equal(2 - 0.16f, TinyLlama.Download(_backend, b.Value)[0], 1e-5f);
    }

    [Fact]
    public void Gates_and_norms_are_marked_and_factors_are_not()
    {
        using var adapted = new TinyRun();
        using var whole = new TinyRun(whole: true);
        Assert.All(adapted.Parameters, p => Assert.Equal(!p.Name.EndsWith("moka_gate", StringComparison.Ordinal), p.Decays));
        Assert.All(whole.Parameters, p => Assert.Equal(!p.Name.EndsWith("norm.weight", StringComparison.Ordinal), p.Decays));
        Assert.Contains(adapted.Parameters, p => !p.Decays);
        Assert.Contains(whole.Parameters, p => !p.Decays);
    }

    private Parameter Parameter(string name, float[] values, bool decays) => new(_backend, name, values, values.Length) { Decays = decays };

    private void SetGradients(Parameter parameter, params float[] values) => WeightSnapshot.Overwrite(_backend, parameter.Gradient, values);

    private static bool Near(float a, float b) => Math.Abs(a - b) < 1e-6f;
}
