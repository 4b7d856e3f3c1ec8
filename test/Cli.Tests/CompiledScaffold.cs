using System.Collections;
using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>Generated files, compiled as a project with all warnings would compile them, and loaded.</summary>
internal sealed class CompiledScaffold
{
    // The SDK leaves them out too: versions that the runtime unifies.
    private static readonly Dictionary<string, ReportDiagnostic> Suppressed = new()
    {
        ["CS1701"] = ReportDiagnostic.Suppress,
        ["CS1702"] = ReportDiagnostic.Suppress,
    };

    private readonly Type _model;

    /// <param name="folder">The folder of the files.</param>
    /// <param name="className">The class that they make.</param>
    /// <param name="program">A program that uses it and then finds its model where it is by itself; null for tests that name a model in the folder.</param>
    public CompiledScaffold(string folder, string className, string? program = null)
    {
        var trees = Directory.GetFiles(folder, "*.cs").Select(path => CSharpSyntaxTree.ParseText(File.ReadAllText(path), path: path));
        if (program is not null)
            trees = trees.Append(CSharpSyntaxTree.ParseText(program));
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(path => MetadataReference.CreateFromFile(path));
        var compilation = CSharpCompilation.Create(
            $"scaffold-{Guid.NewGuid():N}", trees, references,
            new CSharpCompilationOptions(
                program is null ? OutputKind.DynamicallyLinkedLibrary : OutputKind.ConsoleApplication,
                nullableContextOptions: NullableContextOptions.Enable, warningLevel: 9)
                .WithSpecificDiagnosticOptions(Suppressed));
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        Assert.Empty(result.Diagnostics.Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning));
        image.Position = 0;
        var assembly = new AssemblyLoadContext(null).LoadFromStream(image);
        _model = assembly.GetTypes().Single(type => type.Name == className);
        if (program is null)
            Set("MLNetModelPath", Path.Combine(folder, "model.mlnet"));
        else
            Program = assembly.EntryPoint;
    }

    /// <summary>What starts the program; null where there is none.</summary>
    public MethodInfo? Program { get; }

    /// <summary>Where the code looks for its model.</summary>
    public string ModelPath => (string)Get("MLNetModelPath");

    /// <summary>The properties of ModelInput with their types.</summary>
    public IEnumerable<(string Name, string Type)> Inputs =>
        _model.GetNestedType("ModelInput")!.GetProperties().Select(property => (property.Name, property.PropertyType.Name));

    /// <summary>Trains on a file, and saves the model to where the code looks for it.</summary>
    public void Train(string path) => Call("Train", Get("MLNetModelPath"), path);

    /// <summary>A column of a file, as the code reads it.</summary>
    public IReadOnlyList<string> Texts(string path, string column) =>
        [.. ((IDataView)Call("LoadIDataViewFromFile", new MLContext(), path, ',', true, true)!).GetColumn<string>(column)];

    /// <summary>The accuracy on a file.</summary>
    public double Evaluate(string path) => ((MulticlassClassificationMetrics)Call("Evaluate", path)!).MicroAccuracy;

    public string Predict(string property, string text)
    {
        var prediction = Call("Predict", Input(property, text))!;
        return (string)prediction.GetType().GetProperties()
            .Single(p => p.Name.StartsWith("PredictedLabel", StringComparison.Ordinal) && p.PropertyType == typeof(string)).GetValue(prediction)!;
    }

    public Dictionary<string, float> PredictAllLabels(string property, string text) =>
        ((IEnumerable)Call("PredictAllLabels", Input(property, text))!).Cast<KeyValuePair<string, float>>().ToDictionary();

    private void Set(string field, object value) => _model.GetField(field)!.SetValue(null, value);

    private object Get(string field) => _model.GetField(field)!.GetValue(null)!;

    private object Input(string property, string text)
    {
        var input = Activator.CreateInstance(_model.GetNestedType("ModelInput")!)!;
        input.GetType().GetProperty(property)!.SetValue(input, text);
        return input;
    }

    private object? Call(string name, params object?[] arguments)
    {
        var method = _model.GetMethods()
            .Single(m => m.Name == name && m.GetParameters() is [var first, ..] && first.ParameterType.IsInstanceOfType(arguments[0]));
        var all = method.GetParameters()
            .Select((parameter, i) => i < arguments.Length ? arguments[i] : parameter.HasDefaultValue ? parameter.DefaultValue : null);
        return method.Invoke(
            null, BindingFlags.DoNotWrapExceptions, null, [.. all.Select((value, i) => value ?? Default(method.GetParameters()[i].ParameterType))], null);
    }

    private static object? Default(Type type) => type.IsValueType ? Activator.CreateInstance(type) : null;
}
