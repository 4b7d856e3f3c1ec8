using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>The tape's own promises: what it frees and when, gradient checkpointing, exceptions.</summary>
public class TapeTests
{
    [Fact]
    public void Everything_is_freed_after_a_step()
    {
        using var model = new SmallModel();
        var before = model.Backend.LiveTensors;
        model.Step(recompute: false);
        Assert.Equal(before, model.Backend.LiveTensors);
        model.Step(recompute: true);
        Assert.Equal(before, model.Backend.LiveTensors);
    }

    [Fact]
    public void A_step_without_backward_pass_frees_everything()
    {
        using var model = new SmallModel();
        var before = model.Backend.LiveTensors;
        using (var tape = new Tape(model.Backend, recording: true))
            model.Forward(tape, recompute: false);
        Assert.Equal(before, model.Backend.LiveTensors);
    }

    [Fact]
    public void Values_that_no_backward_step_reads_are_freed_in_the_forward_pass()
    {
        using var model = new SmallModel();
        var before = model.Backend.LiveTensors;
        using var tape = new Tape(model.Backend, recording: false);
        using (model.Forward(tape, recompute: false))
            // The result and the norm's product of its last layer at most: the rest was disposed by the modules.
            Assert.Equal(before + 1, model.Backend.LiveTensors);
        Assert.Equal(before, model.Backend.LiveTensors);
    }

    /// <summary>Norms, activations and what is dropped out cost little beside the products that read them, and take much memory.</summary>
    [Fact]
    public void Values_that_are_cheap_to_compute_are_not_kept_for_the_backward_pass()
    {
        using var model = new SmallModel();
        using var tape = new Tape(model.Backend, recording: true);
        Variable x = Input(), norm = tape.RmsNorm(x, model.NormWeight, 1e-5f), activated = tape.SwiGlu(norm, x), dropped = tape.Dropout(activated, 0.3f, 7);
        foreach (var variable in new[] { dropped, activated, norm })
        {
            var expected = ReferenceBackend.Values(variable.Value).ToArray();
            Assert.Contains(expected, value => value != 0);
            var before = model.Backend.LiveTensors;
            variable.Hold();
            variable.Hold();
            variable.Dispose();
            Assert.Equal(before - 1, model.Backend.LiveTensors);
            // For both backward steps that held it.
            Assert.Equal(expected, ReferenceBackend.Values(variable.Value));
            variable.Dispose();
            Assert.Same(variable.Value, variable.Value);
            Assert.Equal(before, model.Backend.LiveTensors);
            variable.Dispose();
        }

        Variable Input() => tape.Own(model.Backend.Upload(TensorKind.Activation, [0.5f, -1, 2, 0.25f, 3, -2, 1, 1], 1, SmallModel.Width), true);
    }

    [Fact]
    public void Recomputing_gives_the_same_gradients()
    {
        using var plain = new SmallModel();
        using var checkpointed = new SmallModel();
        Assert.Equal(plain.Step(recompute: false), checkpointed.Step(recompute: true));
        foreach (var (expected, actual) in plain.Parameters.Zip(checkpointed.Parameters))
        {
            Assert.Contains(ReferenceBackend.Values(expected.Gradient), v => v != 0);
            Assert.Equal(ReferenceBackend.Values(expected.Gradient), ReferenceBackend.Values(actual.Gradient));
        }
    }

    [Fact]
    public void Recomputing_keeps_only_the_inputs_of_its_segments()
    {
        using var model = new SmallModel();
        using var plainTape = new Tape(model.Backend, recording: true);
        using var checkpointedTape = new Tape(model.Backend, recording: true);
        var start = model.Backend.LiveTensors;
        model.Forward(plainTape, recompute: false);
        var plain = model.Backend.LiveTensors - start;
        start = model.Backend.LiveTensors;
        model.Forward(checkpointedTape, recompute: true);
        var checkpointed = model.Backend.LiveTensors - start;
        Assert.True(checkpointed * 3 < plain, $"{checkpointed} tensors with recomputation, {plain} without.");
    }

    [Fact]
    public void Gradients_of_two_steps_add_up()
    {
        using var model = new SmallModel();
        model.Step(recompute: false);
        var once = model.Parameters.SelectMany(p => ReferenceBackend.Values(p.Gradient).ToArray()).ToArray();
        model.Step(recompute: true);
        var twice = model.Parameters.SelectMany(p => ReferenceBackend.Values(p.Gradient)).ToArray();
        Assert.Equal(once.Select(v => 2 * v), twice, (a, b) => Math.Abs(a - b) <= 1e-12 * (1 + Math.Abs(a)));
    }

    /// <summary>Each kernel call of a step fails once, in the forward pass, in the backward pass or while recomputing.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_exception_leaves_nothing(bool recompute)
    {
        using var counter = new SmallModel();
        counter.Step(recompute);
        Assert.True(counter.Backend.Calls > 40);
        for (var call = 1; call <= counter.Backend.Calls; call++)
        {
            using var model = new SmallModel();
            var before = model.Backend.LiveTensors;
            model.Backend.FailAt = call;
            Assert.Throws<InvalidOperationException>(() => model.Step(recompute));
            Assert.True(before == model.Backend.LiveTensors, $"{model.Backend.LiveTensors - before} tensors are left when call {call} fails.");
        }
    }

    [Fact]
    public void A_frozen_model_leaves_no_backward_steps()
    {
        using var model = new SmallModel();
        using var tape = new Tape(model.Backend, recording: true);
        using var x = tape.Own(model.Backend.Zeros(TensorKind.Activation, 3, SmallModel.Width));
        using var y = tape.Linear(x, model.Frozen);
        Assert.False(y.RequiresGradient);
        var before = model.Backend.Calls;
        tape.Backward();
        Assert.Equal(before, model.Backend.Calls);
    }
}
