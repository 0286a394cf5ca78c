import eslint from '@eslint/js';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib/', 'node_modules/', '*.mjs', 'style/*.js'] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'react-hooks': reactHooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      'no-console': 'error',
      'eqeqeq': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // Numbers in templates are what formatting is made of.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A namespace holds the options of a class, as everywhere in JupyterLab.
      '@typescript-eslint/no-namespace': 'off'
    }
  },
  {
    // The components also run in VS Code, Colab and plain pages, where there is no JupyterLab.
    files: ['src/components/**', 'src/widgets/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@jupyterlab/*', '@lumino/*'], message: 'Components know nothing of JupyterLab.' }] }
      ]
    }
  }
);
