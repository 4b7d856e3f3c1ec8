using System.Reflection;
using System.Reflection.Emit;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

/// <summary>
/// A number that TorchSharp takes as a <see cref="Scalar"/> is an object with a finalizer, and its methods pass no more than its handle to PyTorch: one that
/// nobody else refers to may be freed by a collection while PyTorch reads it. So all of ours are in fields, or in variables that are disposed after the call,
/// and we call no method of TorchSharp that makes one for itself, as <c>x.add(y)</c> does for <c>x.add(y, 1)</c>.
/// </summary>
public class ScalarLifetimeTests
{
    private const BindingFlags Own = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<int, OpCode> OpCodesByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(opCode => opCode.Value & 0xFFFF);

    private readonly Dictionary<MethodBase, bool> _makesScalars = [];

    [Fact]
    public void NoScalarIsHandedOverThatNobodyHolds()
    {
        var found = 0;
        var loose = new List<string>();
        foreach (var method in typeof(TorchProvider).Assembly.GetTypes().SelectMany(type => type.GetMembers(Own)).OfType<MethodBase>())
            foreach (var (called, end) in CallsOf(method))
            {
                if (IsConversion(called))
                {
                    found++;
                    if (!IsHeld(method, end))
                        loose.Add($"{method.DeclaringType!.Name}.{method.Name} makes one at {end:x}");
                }
                else if (called.Module == typeof(Scalar).Module && MakesScalars(called))
                {
                    loose.Add($"{method.DeclaringType!.Name}.{method.Name} calls {called}");
                }
            }
        Assert.True(found > 0);
        Assert.True(loose.Count == 0, string.Join(Environment.NewLine, loose));
    }

    [Fact]
    public async Task CollectionsLeaveNumbersAlone()
    {
        using var backend = new TorchBackends().All[0].Create();
        using var x = backend.Upload(TensorKind.Activation, [.. Enumerable.Range(1, 64).Select(i => (float)i)], 8, 8);
        var expected = Drop();
        using var stop = new CancellationTokenSource();
        var collector = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        for (var i = 0; i < 20_000; i++)
            Assert.Equal(expected, Drop());
        stop.Cancel();
        await collector;

        float[] Drop()
        {
            using var dropped = backend.Dropout(x, 0.25f, 3);
            return backend.Read(dropped);
        }
    }

    private static bool IsConversion(MethodBase method) =>
        (method.DeclaringType == typeof(Scalar) && method.Name == "op_Implicit")
        || (method.DeclaringType == typeof(ScalarExtensionMethods) && method.Name == "ToScalar");

    /// <summary>In a field of a type or of what a constructor makes, or in a variable that is disposed at its end: what follows is in a try.</summary>
    private static bool IsHeld(MethodBase method, int offset)
    {
        var body = method.GetMethodBody()!;
        var (opCode, size) = Read(body.GetILAsByteArray()!, offset);
        var name = opCode.Name!;
        return name == "stsfld" || (name == "stfld" && method is ConstructorInfo)
            || ((name.StartsWith("stloc", StringComparison.Ordinal) || name == "stfld")
                && body.ExceptionHandlingClauses.Any(clause => clause.Flags == ExceptionHandlingClauseOptions.Finally && clause.TryOffset == offset + size));
    }

    /// <summary>Whether a method of TorchSharp, or one of its own that it calls, makes a scalar.</summary>
    private bool MakesScalars(MethodBase method)
    {
        if (_makesScalars.TryGetValue(method, out var known))
            return known;
        _makesScalars[method] = false;
        return _makesScalars[method] = CallsOf(method).Any(
            call => IsConversion(call.Method) || (call.Method.Module == method.Module && MakesScalars(call.Method)));
    }

    /// <summary>The methods that a method calls, and where the calls end in its code.</summary>
    private static IEnumerable<(MethodBase Method, int End)> CallsOf(MethodBase method)
    {
        var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (var offset = 0; offset < code.Length;)
        {
            var (opCode, size) = Read(code, offset);
            var token = offset + opCode.Size;
            offset += size;
            if (opCode.OperandType == OperandType.InlineMethod && Resolve(method, BitConverter.ToInt32(code, token)) is { } called)
                yield return (called, offset);
        }
    }

    private static MethodBase? Resolve(MethodBase from, int token) => from.Module.ResolveMethod(
        token, from.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null,
        from.IsGenericMethod ? from.GetGenericArguments() : null);

    private static (OpCode OpCode, int Size) Read(byte[] code, int offset)
    {
        var opCode = code[offset] == 0xFE ? OpCodesByValue[0xFE00 | code[offset + 1]] : OpCodesByValue[code[offset]];
        var operand = opCode.OperandType switch
        {
            OperandType.InlineNone => 0,
            OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
            OperandType.InlineVar => 2,
            OperandType.InlineI8 or OperandType.InlineR => 8,
            OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, offset + opCode.Size),
            _ => 4,
        };
        return (opCode, opCode.Size + operand);
    }
}
